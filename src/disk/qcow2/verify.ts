/**
 * What is looked for in a file that was closed properly, before it is written: two owners of one cluster, which no write
 * may go on from, and refcounts that are not what the tables say, by which a cluster in use would be given out again.
 * Neither is left by a crash: only by another program, by a disk that fails, or on purpose.
 */
import type { HostFile } from "../host/file.ts";
import { readRefcountTable, refcountBlockAt } from "./allocator.ts";
import { decodeL2Entry, EntryError } from "./entries.ts";
import type { Qcow2Header } from "./header.ts";
import { type ClusterSet, fixedClusters } from "./recover.ts";
import {
  CLUSTER_BYTES,
  hostOffset,
  L2_ENTRY_BYTES,
  NO_CLUSTER,
  REFCOUNT_BYTES,
  REFCOUNTS_PER_BLOCK,
  type HostCluster,
} from "./units.ts";

/** A login waits for it: 64 GiB of written disk, whose tables are 8 MiB. Larger ones are believed. */
export const VERIFIED_TABLES = 64;

/**
 * True when the refcounts say what the tables say. An entry that cannot be followed is met by those who read it; beside
 * one, counts that are too high are right. Throws an `EntryError` for two owners of one cluster, and for counts that are
 * too low beside such an entry: they could not be counted anew.
 */
export async function refcountsAgree(
  file: HostFile,
  header: Qcow2Header,
  tables: readonly HostCluster[],
): Promise<boolean> {
  const there = tables.filter((table) => table !== NO_CLUSTER);
  if (there.length > VERIFIED_TABLES) return true;
  const used = fixedClusters(file, header);
  for (const table of there) used.take(table, "an L2 table");
  let isWhole = true;
  for (const table of there) isWhole = (await takeData(file, table, used)) && isWhole;
  const compared = await compareCounts(file, header, used);
  if (!isWhole && compared.tooLow)
    throw new EntryError("refcounts are too low, and a table cannot be followed");
  return !compared.tooLow && (!isWhole || !compared.tooHigh);
}

/** Takes the clusters that a table points to; false when an entry cannot be followed. */
async function takeData(file: HostFile, table: HostCluster, used: ClusterSet): Promise<boolean> {
  const bytes = new Uint8Array(CLUSTER_BYTES);
  const view = new DataView(bytes.buffer);
  await file.read(bytes, hostOffset(table));
  let isWhole = true;
  for (let at = 0; at < CLUSTER_BYTES; at += L2_ENTRY_BYTES) {
    const host = hostOf(view, at);
    if (host === undefined) isWhole = false;
    else if (host !== NO_CLUSTER) used.take(host, "a data cluster");
  }
  return isWhole;
}

/** A pointer past the end of the file is given, and then refused: the file may grow to there. */
function hostOf(table: DataView, at: number): HostCluster | undefined {
  try {
    return decodeL2Entry(table, at, Number.POSITIVE_INFINITY).host;
  } catch (error) {
    if (error instanceof EntryError) return undefined;
    throw error;
  }
}

async function compareCounts(
  file: HostFile,
  header: Qcow2Header,
  used: ClusterSet,
): Promise<{ tooLow: boolean; tooHigh: boolean }> {
  const fileClusters = Math.ceil(file.sizeBytes() / CLUSTER_BYTES);
  const blocks = new Map<number, HostCluster>();
  for (const [index, offset] of await readRefcountTable(file, header.refcountTableOffset)) {
    const block = refcountBlockAt(offset, fileClusters);
    if (block === undefined) throw new EntryError(`a refcount block at ${offset}, outside the file`);
    used.take(block, "a refcount block");
    blocks.set(index, block);
  }
  const found = { tooLow: false, tooHigh: false };
  const counts = new DataView(new ArrayBuffer(CLUSTER_BYTES));
  const bytes = new Uint8Array(counts.buffer);
  for (let first = 0; first < fileClusters; first += REFCOUNTS_PER_BLOCK) {
    const block = blocks.get(first / REFCOUNTS_PER_BLOCK);
    if (block === undefined) {
      found.tooLow ||= used.hasAny(first, REFCOUNTS_PER_BLOCK);
      continue;
    }
    await file.read(bytes, hostOffset(block));
    const clusters = Math.min(REFCOUNTS_PER_BLOCK, fileClusters - first);
    for (let i = 0; i < clusters; i += 1) {
      const count = counts.getUint16(i * REFCOUNT_BYTES);
      const right = used.has(first + i) ? 1 : 0;
      found.tooLow ||= count < right;
      found.tooHigh ||= count > right;
    }
  }
  return found;
}
