/** Opening an overlay: judging the file, mending what an unclean end left, and taking it into use. */
import { BadImage } from "../disk-error.ts";
import { bootId } from "../host/boot-id.ts";
import { openHostFile, type HostFile } from "../host/file.ts";
import type { Layer } from "../layer.ts";
import { ClusterAllocator, readRefcountTable, refcountBlockAt } from "./allocator.ts";
import { EntryError } from "./entries.ts";
import { decodeHeader, encodeHeader, HEADER_AREA_BYTES, HeaderError, type Qcow2Header } from "./header.ts";
import { FieldError } from "./fields.ts";
import { Journal, journalPath, readJournal } from "./journal.ts";
import { endOf } from "./last-end.ts";
import { overlaysIn } from "./mapped-disk.ts";
import { Mapping, readL1Table } from "./mapping.ts";
import { OverlayMetadata } from "./metadata.ts";
import { Overlay } from "./overlay.ts";
import { ReadsUnderWay } from "./reads-under-way.ts";
import { rebuildRefcounts, type Recovery } from "./recover.ts";
import { refcountsAgree } from "./verify.ts";
import {
  CLUSTER_BYTES,
  hostOffset,
  REFCOUNT_BYTES,
  REFCOUNTS_PER_BLOCK,
  hostCluster,
  type HostCluster,
} from "./units.ts";

const NO_BOOT_ID = "0".repeat(32);

/**
 * Overlays that may lie upon one another, and so snapshots that a disk can have: each costs an open file, and a look-up
 * for every read of what only the lowest holds (32 of them together about as much as one read of a page).
 */
export const MAX_CHAIN_OVERLAYS = 32;

export interface OpenOptions {
  /**
   * What lies beneath, as the session's record says: the name must be the one in the file, which is never opened by
   * that name. The layer is owned by the overlay from now on and closed with it, also when opening fails.
   */
  readonly backing?: { readonly name: string; readonly layer: Layer };
}

/** Where an overlay's two files come from; the host's own in `openOverlay`, a simulated disk in tests. */
export interface OverlayFiles {
  readonly file: HostFile;
  /** The journal of the last opening, when there is one. */
  openJournal(): HostFile | undefined;
  /** An empty journal. */
  replaceJournal(): HostFile;
  readonly bootId: string | undefined;
}

/**
 * Opens an overlay for reading and writing. One process at a time may have it open: the caller sees to that.
 * A file that was not closed properly is mended first; `recovery` of the result says how.
 * Throws `BadImage` with the reason for a file that is not such an overlay, is damaged or names another backing file,
 * and a `DiskError` when the host fails.
 */
export async function openOverlay(path: string, options: OpenOptions = {}): Promise<Overlay> {
  return closingOnFailure(options.backing?.layer, async () =>
    openOverlayFiles(hostFiles(path, openHostFile(path, "read-write")), options),
  );
}

/**
 * Opens a new overlay over one that is in use and stays so, for a snapshot of a running disk (see `SwitchLayer`).
 * Unlike `openOverlay` it leaves the lower one open when it fails.
 */
export function openUpon(lower: Overlay, path: string, name: string): Promise<Overlay> {
  return openOverlayFiles(hostFiles(path, openHostFile(path, "read-write")), {
    backing: { name, layer: lower },
  });
}

/** The two files of an overlay on this host. */
export function hostFiles(path: string, file: HostFile): OverlayFiles {
  return {
    file,
    openJournal: () => openIfThere(journalPath(path)),
    replaceJournal: () => openHostFile(journalPath(path), "replace"),
    bootId: bootId(),
  };
}

/** `openOverlay` on any pair of files. */
export async function openOverlayFiles(files: OverlayFiles, options: OpenOptions): Promise<Overlay> {
  const { file } = files;
  try {
    const header = await readHeader(file);
    checkBacking(header, options, file.path);
    checkDepth(options);
    const recovery = await recover(files, header);
    return await takeIntoUse(files, header, options.backing?.layer, recovery);
  } catch (error) {
    file.close();
    if (error instanceof HeaderError || error instanceof EntryError || error instanceof FieldError)
      throw new BadImage(file.path, error.message);
    throw error;
  }
}

/** Throws a `HeaderError`. */
export async function readHeader(file: HostFile): Promise<Qcow2Header> {
  const area = new Uint8Array(HEADER_AREA_BYTES);
  await file.read(area, 0);
  return decodeHeader(area, file.sizeBytes());
}

/** Throws a `HeaderError` when the overlay would make its chain too long. */
export function checkDepth(options: OpenOptions): void {
  const overlays = 1 + overlaysIn(options.backing?.layer);
  if (overlays > MAX_CHAIN_OVERLAYS) throw new HeaderError(`it would be overlay ${overlays} of a chain`);
}

export function checkBacking(header: Qcow2Header, options: OpenOptions, path: string): void {
  checkBackingName(header, options.backing?.name, path);
}

/** Throws `BadImage` unless the file names what its record says. */
export function checkBackingName(header: Qcow2Header, expected: string | undefined, path: string): void {
  const named = header.backing?.name;
  if (named === expected) return;
  throw new BadImage(path, `it lies over ${show(named)}, and its record says ${show(expected)}`);
}

function show(name: string | undefined): string {
  return name === undefined ? "nothing" : JSON.stringify(name);
}

/**
 * Makes a file that was left open one that can be used: replays its journal when the machine ran on, and counts anew.
 * One that was closed properly is looked at, and counted anew when it must be.
 */
export async function recover(files: OverlayFiles, header: Qcow2Header): Promise<Recovery> {
  const end = endOf(header, files.bootId);
  if (end === "clean") {
    await verify(files.file, header);
    return { kind: end };
  }
  const isThere = end === "killed" && header.owner !== undefined;
  const replayed = isThere ? await replay(files, header, header.owner.journalId) : 0;
  const endCluster = Math.ceil(files.file.sizeBytes() / CLUSTER_BYTES);
  const leaksFreed = await rebuildRefcounts(
    files.file,
    header,
    await readL1Table(files.file, header.l1Offset, header.l1Entries, endCluster),
  );
  await files.file.sync();
  return end === "killed" ? { kind: end, replayed, leaksFreed } : { kind: end, leaksFreed };
}

async function verify(file: HostFile, header: Qcow2Header): Promise<void> {
  const endCluster = Math.ceil(file.sizeBytes() / CLUSTER_BYTES);
  const tables = await readL1Table(file, header.l1Offset, header.l1Entries, endCluster);
  if (await refcountsAgree(file, header, tables)) return;
  await rebuildRefcounts(file, header, tables);
  await file.sync();
}

/** Applies the journal through a commit of its own, in the same order as any other. */
async function replay(files: OverlayFiles, header: Qcow2Header, journalId: number): Promise<number> {
  const journalFile = files.openJournal();
  if (!journalFile) return 0;
  const entries = await readJournal(journalFile, journalId);
  // Not appended to: the records stay as they are until the file is taken into use again.
  const { allocator, mapping } = await tablesOf(files.file, header);
  try {
    const tables = [...mapping.missingTables(entries.keys())].map(
      (index) => [index, allocator.allocateZeroed()] as const,
    );
    await files.file.sync();
    for (const [index, table] of tables) mapping.addTable(index, table);
    for (const [slice, changes] of Mapping.bySlice(entries)) mapping.writeEntries(slice, changes);
    await files.file.sync();
  } finally {
    mapping.forget();
    journalFile.close();
  }
  return entries.size;
}

async function takeIntoUse(
  files: OverlayFiles,
  header: Qcow2Header,
  backing: Layer | undefined,
  recovery: Recovery,
): Promise<Overlay> {
  const { file } = files;
  const { allocator, mapping, blocks } = await tablesOf(file, header);
  await rememberFree(file, blocks, allocator);
  const owner = {
    bootId: files.bootId ?? NO_BOOT_ID,
    journalId: crypto.getRandomValues(new Uint32Array(1))[0] ?? 0,
  };
  file.write(encodeHeader({ ...header, dirty: true, owner }), 0);
  await file.sync();
  // Emptied only now: up to here the header named the old journal, and a kill would need it once more.
  const journal = new Journal(files.replaceJournal(), owner.journalId);
  const reads = new ReadsUnderWay();
  const metadata = new OverlayMetadata(file, mapping, allocator, journal, () => reads.settled());
  const markClean = async (): Promise<void> => {
    allocator.trim();
    allocator.writeRefcounts();
    await file.sync();
    file.write(encodeHeader({ ...header, dirty: false, owner: undefined }), 0);
    await file.sync();
  };
  return new Overlay(file, metadata, reads, backing, header.sizeBytes, recovery, { journal, markClean });
}

async function tablesOf(
  file: HostFile,
  header: Qcow2Header,
): Promise<{
  readonly allocator: ClusterAllocator;
  readonly mapping: Mapping;
  readonly blocks: ReadonlyMap<number, HostCluster>;
}> {
  const end = Math.ceil(file.sizeBytes() / CLUSTER_BYTES);
  const blocks = await readBlocks(file, header, end);
  const allocator = new ClusterAllocator(file, header.refcountTableOffset, blocks, end);
  const tables = await readL1Table(file, header.l1Offset, header.l1Entries, end);
  const mapping = new Mapping(file, header.l1Offset, tables, () => allocator.endCluster);
  return { allocator, mapping, blocks };
}

async function readBlocks(
  file: HostFile,
  header: Qcow2Header,
  end: number,
): Promise<Map<number, HostCluster>> {
  const places = await readRefcountTable(file, header.refcountTableOffset);
  const blocks = new Map<number, HostCluster>();
  for (const [index, offset] of places) {
    const block = refcountBlockAt(offset, end);
    if (block === undefined) throw new EntryError(`a refcount block at ${offset}, outside the file`);
    blocks.set(index, block);
  }
  return blocks;
}

/** Finds clusters inside the file that are free, as many as are remembered. Over a file of 64 GiB this reads 1 MiB. */
async function rememberFree(
  file: HostFile,
  blocks: ReadonlyMap<number, HostCluster>,
  allocator: ClusterAllocator,
): Promise<void> {
  const counts = new Uint8Array(CLUSTER_BYTES);
  for (const [index, block] of blocks) {
    const first = index * REFCOUNTS_PER_BLOCK;
    const clusters = Math.min(REFCOUNTS_PER_BLOCK, allocator.endCluster - first);
    if (clusters <= 0 || allocator.remembersEnough) return;
    await file.read(counts.subarray(0, clusters * REFCOUNT_BYTES), hostOffset(block));
    for (let i = 0; i < clusters; i += 1) {
      const low = i * REFCOUNT_BYTES + 1;
      if (counts[low - 1] === 0 && counts[low] === 0) allocator.remember(hostCluster(first + i));
    }
  }
}

function openIfThere(path: string): HostFile | undefined {
  try {
    return openHostFile(path, "read-only");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

async function closingOnFailure<T>(layer: Layer | undefined, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    await layer?.close();
    throw error;
  }
}
