/** Files that are damaged or made to harm: refused with a reason, in little memory, before anything in them is followed. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MemoryLayer } from "../../../test/support/memory-layer.ts";
import { SimulatedOverlay } from "../../../test/support/simulated-overlay.ts";
import type { SimulatedFile } from "../../../test/support/simulated-file.ts";
import type { Overlay } from "./overlay.ts";
import { CLUSTER_BYTES } from "./units.ts";

const SIZE = 4 * CLUSTER_BYTES;
const AT = {
  magic: 0,
  version: 4,
  backingNameOffset: 8,
  backingNameBytes: 16,
  clusterBits: 20,
  sizeBytes: 24,
  encryption: 32,
  l1Entries: 36,
  l1Offset: 40,
  refcountTableOffset: 48,
  refcountTableClusters: 56,
  snapshots: 60,
  incompatible: 72,
  autoclear: 88,
  refcountOrder: 96,
  headerBytes: 100,
  extensions: 112,
} as const;

const EXTENDED_L2 = 0x10n;
const DIRTY = 1n;

async function fresh(): Promise<SimulatedOverlay> {
  return SimulatedOverlay.create({ sizeBytes: SIZE, backing: { name: "base", format: "raw" } });
}

function open(disk: SimulatedOverlay): Promise<Overlay> {
  return disk.open({ name: "base", layer: new MemoryLayer(new Uint8Array(SIZE)) });
}

async function reasonFor(disk: SimulatedOverlay): Promise<string> {
  const result = await open(disk).catch((error: unknown) => error);
  expect(result).toMatchObject({ name: "BadImage", code: "EBADIMG" });
  return String(result);
}

function poke(file: SimulatedFile, offset: number, value: number | bigint): void {
  const bytes = new Uint8Array(typeof value === "bigint" ? 8 : 4);
  const view = new DataView(bytes.buffer);
  if (typeof value === "bigint") view.setBigUint64(0, value);
  else view.setUint32(0, value);
  file.write(bytes, offset);
}

describe("a header is refused when", () => {
  const cases: readonly (readonly [string, number, number | bigint, string])[] = [
    ["it is not qcow2", AT.magic, 0x12345678, "not a qcow2 file"],
    ["it is of version 2", AT.version, 2, "version 2"],
    ["its clusters are of 2^255 bytes", AT.clusterBits, 255, "cluster_bits are 255"],
    ["its clusters are of 64 KiB", AT.clusterBits, 16, "cluster_bits are 16"],
    ["its disk has no size", AT.sizeBytes, 0n, "0 bytes"],
    ["its disk is no multiple of a sector", AT.sizeBytes, 1000n, "1000 bytes"],
    ["its disk is larger than 16 TiB", AT.sizeBytes, 2n ** 45n, "bytes"],
    ["its disk is larger than a number", AT.sizeBytes, 2n ** 64n - 1n, "more than any file can hold"],
    ["it is encrypted", AT.encryption, 1, "encrypted"],
    ["its L1 table is huge", AT.l1Entries, 0xffffffff, "L1 table has 4294967295 entries"],
    ["its L1 table is too short for the disk", AT.l1Entries, 0, "L1 table has 0 entries"],
    ["its L1 table lies in the header", AT.l1Offset, 0n, "L1 table is at 0"],
    ["its L1 table lies at no cluster", AT.l1Offset, 4096n, "L1 table is at 4096"],
    ["its L1 table lies past the end", AT.l1Offset, 2n ** 40n, "past the end"],
    ["its L1 table lies over its refcounts", AT.l1Offset, BigInt(CLUSTER_BYTES), "over its refcount table"],
    ["its refcount table lies past the end", AT.refcountTableOffset, 2n ** 50n, "past the end"],
    ["its refcount table is huge", AT.refcountTableClusters, 0xffffffff, "refcount table has"],
    ["it has snapshots", AT.snapshots, 1, "snapshots"],
    ["it is corrupt by its own word", AT.incompatible, EXTENDED_L2 | 2n, "marked as corrupt"],
    ["its data is in another file", AT.incompatible, EXTENDED_L2 | 4n, "another file"],
    ["its compression is another", AT.incompatible, EXTENDED_L2 | 8n, "compression"],
    ["it has an unknown feature", AT.incompatible, EXTENDED_L2 | (1n << 63n), "not known"],
    ["it has no subclusters", AT.incompatible, 0n, "no subclusters"],
    ["it has bitmaps", AT.autoclear, 1n, "bitmaps"],
    ["its refcounts are of one bit", AT.refcountOrder, 0, "refcount_order"],
    ["its header is too long", AT.headerBytes, 0x10000, "header_length"],
    ["its backing name lies outside", AT.backingNameOffset, 1n << 40n, "backing name lies outside"],
    ["its backing name is too long", AT.backingNameBytes, 5000, "backing name lies outside"],
    ["its extensions do not end", AT.extensions + 4, 0xffffff00, "do not end"],
  ];
  test.each(cases)("%s", async (_when, offset, value, reason) => {
    const disk = await fresh();
    poke(disk.file, offset, value);
    expect(await reasonFor(disk)).toContain(reason);
  });
});

test("an overlay that names another backing file than its record is refused, and nothing is opened by that name", async () => {
  const disk = await SimulatedOverlay.create({
    sizeBytes: SIZE,
    backing: { name: "/etc/shadow", format: "raw" },
  });
  const layer = new MemoryLayer(new Uint8Array(SIZE));
  const result = await disk.open({ name: "base", layer }).catch((error: unknown) => error);
  expect(String(result)).toContain('lies over "/etc/shadow", and its record says "base"');
  expect(layer.closed).toBe(false);
});

describe("a table is refused when", () => {
  test("an L1 entry points past the end of the file", async () => {
    const disk = await fresh();
    poke(disk.file, 3 * CLUSTER_BYTES, (1n << 63n) | (2n ** 40n));
    expect(await reasonFor(disk)).toContain("past the end");
  });

  test("two data clusters are one, which a dirty file is searched for", async () => {
    const disk = await writtenAndDirty();
    const l2 = l2Of(disk.file);
    const first = new Uint8Array(8);
    disk.file.readNow(first, l2);
    disk.file.write(first, l2 + 16);
    expect(await reasonFor(disk)).toContain("lies over another part");
  });

  test("two data clusters are one in a file that was closed properly", async () => {
    const disk = await writtenAndClosed();
    const l2 = l2Of(disk.file);
    const first = new Uint8Array(8);
    disk.file.readNow(first, l2);
    disk.file.write(first, l2 + 16);
    expect(await reasonFor(disk)).toContain("lies over another part");
  });

  test("a data cluster lies past the end, where the file may grow to", async () => {
    const disk = await writtenAndClosed();
    poke(disk.file, l2Of(disk.file), (1n << 63n) | BigInt(disk.file.sizeBytes()));
    expect(await reasonFor(disk)).toContain("past the end");
  });

  test("refcounts are too low beside an entry that cannot be followed", async () => {
    const disk = await writtenAndClosed();
    poke(disk.file, l2Of(disk.file), (1n << 62n) | 1n);
    disk.file.write(new Uint8Array(2), 2 * CLUSTER_BYTES);
    expect(await reasonFor(disk)).toContain("refcounts are too low");
  });

  test("a data cluster lies over the header", async () => {
    const disk = await writtenAndDirty();
    poke(disk.file, l2Of(disk.file), 1n << 63n);
    expect(await reasonFor(disk)).toContain("allocated subclusters without a cluster");
  });

  test("a data cluster lies over the L1 table", async () => {
    const disk = await writtenAndDirty();
    poke(disk.file, l2Of(disk.file), (1n << 63n) | BigInt(3 * CLUSTER_BYTES));
    expect(await reasonFor(disk)).toContain("lies over another part");
  });

  test("a refcount block lies past the end", async () => {
    const disk = await fresh();
    poke(disk.file, CLUSTER_BYTES, 2n ** 40n);
    expect(await reasonFor(disk)).toContain("refcount block");
  });

  test("a damaged entry is only met while reading: that read fails with EIO, others go on", async () => {
    const disk = await fresh();
    const overlay = await open(disk);
    overlay.write(new Uint8Array(SIZE).fill(1), 0);
    await overlay.close();
    poke(disk.file, l2Of(disk.file), (1n << 62n) | 1n);
    const again = await open(disk);
    expect(() => again.tryRead(new Uint8Array(1), 0)).toThrow(expect.objectContaining({ code: "EIO" }));
    expect(again.tryRead(new Uint8Array(1), CLUSTER_BYTES)).toBe(true);
  });
});

test.each([0, 2, 0xffff])(
  "a refcount of %i for clusters in use, in a file that was closed properly, gives none of them out again",
  async (count) => {
    const disk = await writtenAndClosed();
    const counts = new DataView(new ArrayBuffer(16));
    for (let i = 0; i < 8; i += 1) counts.setUint16(2 * i, count);
    disk.file.write(new Uint8Array(counts.buffer), 2 * CLUSTER_BYTES);
    const overlay = await open(disk);
    // What a discard frees is not given out before the next commit: the write takes another cluster.
    overlay.discard(0, CLUSTER_BYTES);
    overlay.write(new Uint8Array(CLUSTER_BYTES).fill(2), 0);
    await overlay.close();
    const again = await open(disk);
    for (let cluster = 0; cluster < 4; cluster += 1) {
      const bytes = new Uint8Array(CLUSTER_BYTES);
      await again.read(bytes, cluster * CLUSTER_BYTES);
      expect(bytes.every((byte) => byte === (cluster === 0 ? 2 : 1))).toBe(true);
    }
  },
);

test("whatever bytes of the metadata are changed, opening and reading end in an answer or a DiskError", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(160), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      fc.constantFrom(0, 1, 2, 3, 4),
      fc.boolean(),
      async (changes, cluster, dirty) => {
        const disk = await writtenAndDirty();
        if (!dirty) await (await open(disk)).close();
        for (const [at, value] of changes)
          disk.file.write(Uint8Array.of(value), cluster * CLUSTER_BYTES + at);
        try {
          const overlay = await open(disk);
          await overlay.read(new Uint8Array(overlay.sizeBytes).subarray(0, SIZE), 0);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^(EBADIMG|EIO)$/) });
        }
      },
    ),
    { numRuns: 300 },
  );
}, 30_000);

/** A file with four data clusters whose writer was killed after a flush. */
async function writtenAndDirty(): Promise<SimulatedOverlay> {
  const disk = await fresh();
  const overlay = await open(disk);
  overlay.write(new Uint8Array(SIZE).fill(1), 0);
  await overlay.flush();
  disk.kill();
  // Replayed, it would mend the damage that these tests do.
  disk.journal = undefined;
  poke(disk.file, AT.incompatible, EXTENDED_L2 | DIRTY);
  return disk;
}

async function writtenAndClosed(): Promise<SimulatedOverlay> {
  const disk = await fresh();
  const overlay = await open(disk);
  overlay.write(new Uint8Array(SIZE).fill(1), 0);
  await overlay.close();
  return disk;
}

/** Offset of the only L2 table. */
function l2Of(file: SimulatedFile): number {
  const entry = new Uint8Array(8);
  file.readNow(entry, 3 * CLUSTER_BYTES);
  return Number(new DataView(entry.buffer).getBigUint64(0) & 0x00fffffffffffe00n);
}
