import { expect, test } from "bun:test";
import fc from "fast-check";
import { MemoryLayer } from "../../test/support/memory-layer.ts";
import { readPartitionTable } from "./partitions.ts";

const SECTOR = 512;
const MIB = 1 << 20;

function mbrDisk(
  entries: readonly (readonly [type: number, first: number, count: number])[],
  size = 16 * MIB,
): Uint8Array {
  const disk = new Uint8Array(size);
  writeMbr(disk, 0, entries);
  return disk;
}

function writeMbr(
  disk: Uint8Array,
  sector: number,
  entries: readonly (readonly [number, number, number])[],
): void {
  const view = new DataView(disk.buffer, sector * SECTOR);
  for (const [index, [type, first, count]] of entries.entries()) {
    view.setUint8(446 + index * 16 + 4, type);
    view.setUint32(446 + index * 16 + 8, first, true);
    view.setUint32(446 + index * 16 + 12, count, true);
  }
  view.setUint16(510, 0xaa55, true);
}

test("the table of a Raspberry Pi card is read: FAT boot, Linux root", async () => {
  const table = await readPartitionTable(
    new MemoryLayer(
      mbrDisk([
        [0x0c, 2048, 8192],
        [0x83, 10_240, 20_000],
      ]),
    ),
  );
  expect(table).toEqual({
    scheme: "mbr",
    entries: [
      { number: 1, offsetBytes: MIB, sizeBytes: 4 * MIB, type: "FAT32" },
      { number: 2, offsetBytes: 5 * MIB, sizeBytes: 20_000 * SECTOR, type: "Linux" },
    ],
  });
});

test("logical partitions are numbered from 5, and a chain that is a ring ends", async () => {
  const disk = mbrDisk([[0x05, 2048, 20_000]]);
  writeMbr(disk, 2048, [
    [0x83, 64, 1000],
    [0x05, 4096, 2000],
  ]);
  writeMbr(disk, 2048 + 4096, [[0x82, 64, 1000]]);
  const table = await readPartitionTable(new MemoryLayer(disk));
  expect(table.entries.map(({ number, type }) => [number, type])).toEqual([
    [1, "extended"],
    [5, "Linux"],
    [6, "Linux swap"],
  ]);
  writeMbr(disk, 2048 + 4096, [
    [0x82, 64, 1000],
    [0x05, 0, 2000],
  ]);
  expect((await readPartitionTable(new MemoryLayer(disk))).entries.length).toBeLessThanOrEqual(61);
});

test("a GPT is read with types and names, and control characters in a name are not passed on", async () => {
  const disk = mbrDisk([[0xee, 1, 32_767]]);
  const header = new DataView(disk.buffer, SECTOR);
  for (const [i, char] of Array.from("EFI PART").entries()) header.setUint8(i, char.charCodeAt(0));
  header.setBigUint64(72, 2n, true);
  header.setUint32(80, 128, true);
  header.setUint32(84, 128, true);
  const entry = new DataView(disk.buffer, 2 * SECTOR);
  const type = "af3dc60f838472478e793d69d8477de4"; // 0FC63DAF-8483-4772-8E79-3D69D8477DE4 as it lies on disk
  for (let i = 0; i < 16; i += 1) entry.setUint8(i, Number.parseInt(type.slice(i * 2, i * 2 + 2), 16));
  entry.setBigUint64(32, 2048n, true);
  entry.setBigUint64(40, 4095n, true);
  for (const [i, char] of Array.from("root\u001b[2J").entries())
    entry.setUint16(56 + i * 2, char.charCodeAt(0), true);
  expect(await readPartitionTable(new MemoryLayer(disk))).toEqual({
    scheme: "gpt",
    entries: [{ number: 1, offsetBytes: MIB, sizeBytes: MIB, type: "Linux", name: "root?[2J" }],
  });
});

test("a disk without a table has none, also when a FAT file system begins it", async () => {
  const none = { scheme: "none", entries: [] } as const;
  expect(await readPartitionTable(new MemoryLayer(new Uint8Array(MIB)))).toEqual(none);
  const fat = new Uint8Array(MIB).fill(0x41, 0, 510);
  new DataView(fat.buffer).setUint16(510, 0xaa55, true);
  expect(await readPartitionTable(new MemoryLayer(fat))).toEqual(none);
  expect(await readPartitionTable(new MemoryLayer(new Uint8Array(SECTOR)))).toEqual(none);
});

test("whatever the first sectors hold, an answer comes, and every partition lies on the disk", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 66, maxLength: 66 }),
      fc.uint8Array({ minLength: 100, maxLength: 600 }),
      async (table, gpt) => {
        const disk = new Uint8Array(64 * 1024);
        disk.set(table, 446);
        disk.set([0x55, 0xaa], 510);
        disk.set(gpt, SECTOR);
        disk.set(new TextEncoder().encode("EFI PART"), SECTOR);
        const { entries } = await readPartitionTable(new MemoryLayer(disk));
        for (const { offsetBytes, sizeBytes } of entries) {
          expect(offsetBytes + sizeBytes).toBeLessThanOrEqual(disk.byteLength);
        }
      },
    ),
    { numRuns: 500 },
  );
});
