/**
 * An overlay file that somebody has changed: it is refused with a reason, or it is a disk. A disk reads and writes without
 * one place changing another, ends in answers or errors of the medium, takes no more room than it must, and is found as it
 * was left.
 *
 * An input is a byte that says how the file was left, then pokes of 12 bytes: region, bytes, offset (2), value (8).
 */
import { setImmediate } from "node:timers/promises";
import { CLUSTER_BYTES, MAX_DISK_BYTES } from "../../../src/disk/qcow2/units.ts";
import type { Overlay } from "../../../src/disk/qcow2/overlay.ts";
import { MemoryLayer } from "../../support/memory-layer.ts";
import type { SimulatedFile } from "../../support/simulated-file.ts";
import { SimulatedOverlay } from "../../support/simulated-overlay.ts";
import { type FuzzTarget, readCorpus } from "../../support/fuzz/engine.ts";
import type { Random } from "../../support/fuzz/random.ts";
import { FIELDS, REGION_CLUSTER, REGIONS, type Region, VALUES } from "./fields.ts";

const POKE_BYTES = 12;
const DISK_BYTES = 5 * CLUSTER_BYTES;
/** All that is read and compared of a disk: a changed header may say that it has terabytes. */
const LOOKED_AT_BYTES = DISK_BYTES;
/** A write of each kind of place: in a cluster, over the border of two, over what is not allocated. */
const WRITES = [
  [5000, 3000],
  [CLUSTER_BYTES - 700, 1400],
  [3 * CLUSTER_BYTES + 4096, 8192],
] as const;
/** Clusters that these writes, tables and the allocator's steps may add. */
const GROWTH_MAX_BYTES = 80 * CLUSTER_BYTES;

/** How the file was left: closed, killed, without power. */
const LEFT = ["closed", "killed", "power-loss"] as const;

export const overlayTarget: FuzzTarget = {
  name: "overlay",
  corpus: readCorpus(`${import.meta.dir}/corpus/overlay`),
  pieces: (input) => [
    input.subarray(0, 1),
    ...Array.from({ length: Math.ceil((input.length - 1) / POKE_BYTES) }, (_, i) =>
      input.subarray(1 + i * POKE_BYTES, 1 + (i + 1) * POKE_BYTES),
    ),
  ],
  mutate(input, random) {
    if (random.chance(20)) return Buffer.concat([random.bytes(1), input.subarray(1)]);
    return Buffer.concat([input.subarray(0, 1), pokeOf(random), input.subarray(1)]);
  },
  check,
};

function pokeOf(random: Random): Uint8Array {
  const field = random.pick(FIELDS);
  const poke = new DataView(new ArrayBuffer(POKE_BYTES));
  poke.setUint8(0, REGIONS.indexOf(field.region));
  poke.setUint8(1, field.bytes);
  poke.setUint16(2, field.offset);
  poke.setBigUint64(4, random.pick(VALUES));
  return new Uint8Array(poke.buffer);
}

async function check(input: Uint8Array): Promise<void> {
  const left = LEFT[(input[0] ?? 0) % LEFT.length] ?? "closed";
  const disk = await made(left);
  for (let at = 1; at + POKE_BYTES <= input.length; at += POKE_BYTES)
    poke(disk, input.subarray(at, at + POKE_BYTES));
  const before = disk.file.sizeBytes();
  const wrong = whatMustBeRefused(disk.file);
  const overlay = await opened(disk);
  if (!overlay) return;
  if (wrong !== undefined) throw new Error(`was opened with a wrong ${wrong}`);
  const model = await contentOf(overlay);
  for (const [at, length] of WRITES) {
    if (at + length > overlay.sizeBytes) continue;
    const data = new Uint8Array(length).fill(at % 250);
    if (await answered(() => overlay.write(data, at))) note(model, at, data);
    else note(model, at, undefined, length);
  }
  if (await answered(() => overlay.discard(0, Math.min(4096, overlay.sizeBytes))))
    note(model, 0, new Uint8Array(4096));
  same(await contentOf(overlay), model, "after writing");
  const grown = disk.file.sizeBytes() - before;
  if (grown > GROWTH_MAX_BYTES) throw new Error(`the file grew by ${grown} bytes`);
  if (!(await answered(() => overlay.close()))) return;
  const again = await disk.open(below());
  if (again.recovery.kind !== "clean") throw new Error(`found ${again.recovery.kind} after it was closed`);
  same(await contentOf(again), model, "after closing");
}

/** Files of each kind, with data, a discard and tables; made once. */
const originals = new Map<string, SimulatedOverlay>();

async function made(left: (typeof LEFT)[number]): Promise<SimulatedOverlay> {
  let original = originals.get(left);
  if (!original) {
    original = await SimulatedOverlay.create({
      sizeBytes: DISK_BYTES,
      backing: { name: "base", format: "raw" },
    });
    const overlay = await original.open(below());
    for (let cluster = 0; cluster < 3; cluster += 1)
      overlay.write(new Uint8Array(9000).fill(cluster + 1), cluster * CLUSTER_BYTES + 100);
    overlay.discard(2 * CLUSTER_BYTES + 8192, 8192);
    await overlay.flush();
    overlay.write(new Uint8Array(6000).fill(9), CLUSTER_BYTES + 50_000);
    if (left === "closed") await overlay.close();
    else await setImmediate();
    originals.set(left, original);
  }
  const copy = original.copy();
  if (left === "power-loss") copy.cutPower(() => 0, 1);
  return copy;
}

const below = (): { name: string; layer: MemoryLayer } => ({
  name: "base",
  layer: new MemoryLayer(new Uint8Array(2 * CLUSTER_BYTES).fill(0xba)),
});

function poke(disk: SimulatedOverlay, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const region = REGIONS[view.getUint8(0) % REGIONS.length] ?? "header";
  const width = ([1, 2, 4, 8] as const).find((known) => known >= view.getUint8(1)) ?? 8;
  const offset = view.getUint16(2);
  const value = bytes.slice(POKE_BYTES - width);
  if (region === "length") return disk.file.truncate(view.getUint32(8) % (64 * CLUSTER_BYTES));
  if (region === "journal") return pokeJournal(disk.journal, offset, value);
  disk.file.write(value, clusterOf(region, disk.file) * CLUSTER_BYTES + offset);
}

function clusterOf(region: Exclude<Region, "journal" | "length">, file: SimulatedFile): number {
  if (region !== "l2") return REGION_CLUSTER[region];
  const entry = new Uint8Array(8);
  file.readNow(entry, REGION_CLUSTER.l1 * CLUSTER_BYTES);
  const offset = Number(new DataView(entry.buffer).getBigUint64(0) & 0x00fffffffffffe00n);
  return Math.min(63, Math.floor(offset / CLUSTER_BYTES));
}

/** A record whose checksum is right again: one that is not is passed over. */
function pokeJournal(journal: SimulatedFile | undefined, offset: number, value: Uint8Array): void {
  if (!journal) return;
  const start = Math.floor((offset % 4096) / 64) * 64;
  const record = new Uint8Array(64);
  journal.readNow(record, start);
  record.set(value.subarray(0, 64 - (offset % 64)), offset % 64);
  new DataView(record.buffer).setUint32(4, Bun.hash.crc32(record.subarray(8)));
  journal.write(record, start);
}

/** Undefined for a file that is refused, which must be with a reason. */
async function opened(disk: SimulatedOverlay): Promise<Overlay | undefined> {
  try {
    return await disk.open(below());
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "EBADIMG" || error.code === "EIO"))
      return undefined;
    throw error;
  }
}

/** What no reader of the format may pass over, judged from the bytes alone. */
function whatMustBeRefused(file: SimulatedFile): string | undefined {
  const bytes = new Uint8Array(104);
  file.readNow(bytes, 0);
  const header = new DataView(bytes.buffer);
  const [l1Entries, l1Offset, size] = [
    header.getUint32(36),
    header.getBigUint64(40),
    header.getBigUint64(24),
  ];
  const wrong = {
    magic: header.getUint32(0) !== 0x514649fb,
    version: header.getUint32(4) !== 3,
    "cluster size": header.getUint32(20) !== 17,
    "disk size": size === 0n || size > BigInt(MAX_DISK_BYTES),
    encryption: header.getUint32(32) !== 0,
    "L1 table": l1Offset + BigInt(l1Entries) * 8n > BigInt(file.sizeBytes()) || l1Entries > 16_384,
    features: (header.getBigUint64(72) & ~0x11n) !== 0n,
    "refcount width": header.getUint32(96) !== 4,
  };
  return Object.entries(wrong).find(([, isWrong]) => isWrong)?.[0];
}

/** A 512-byte sector each: its first byte, or what kept it from being read. */
type Content = Map<number, number | "error" | "unknown">;

async function contentOf(overlay: Overlay): Promise<Content> {
  const content: Content = new Map();
  const end = Math.min(LOOKED_AT_BYTES, overlay.sizeBytes);
  for (let at = 0; at < end; at += CLUSTER_BYTES) {
    const bytes = new Uint8Array(Math.min(CLUSTER_BYTES, end - at));
    const isRead = await answered(() => overlay.read(bytes, at));
    for (let within = 0; within < bytes.byteLength; within += 512)
      content.set(at + within, isRead ? Bun.hash.crc32(bytes.subarray(within, within + 512)) : "error");
  }
  return content;
}

function note(
  content: Content,
  at: number,
  data: Uint8Array | undefined,
  length = data?.byteLength ?? 0,
): void {
  for (let sector = Math.floor(at / 512) * 512; sector < at + length; sector += 512) {
    const isWhole = data !== undefined && sector >= at && sector + 512 <= at + length;
    content.set(sector, isWhole ? Bun.hash.crc32(data.subarray(sector - at, sector - at + 512)) : "unknown");
  }
}

function same(found: Content, expected: Content, when: string): void {
  for (const [at, was] of expected) {
    const is = found.get(at);
    if (was !== "unknown" && was !== "error" && is !== was)
      throw new Error(`${when} the sector at ${at} is another, which nobody wrote`);
  }
}

/** False when the medium refuses, which it does with an errno name. */
async function answered(work: () => void | Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EIO") return false;
    throw error;
  }
}
