import { describe, expect, test } from "bun:test";
import { MemoryLayer } from "../../test/support/memory-layer.ts";
import { moveBackupGpt } from "./grow-gpt.ts";
import { readPartitionTable } from "./partitions.ts";

const SECTOR = 512;
const ENTRIES = 128;
const ENTRY = 128;
const TABLE_SECTORS = (ENTRIES * ENTRY) / SECTOR;

/** A disk of `sectors` with one Linux partition, as sgdisk would make it on the first `of` sectors. */
function gptDisk(of: number, sectors: number): MemoryLayer {
  const bytes = new Uint8Array(sectors * SECTOR);
  const view = new DataView(bytes.buffer);
  view.setUint16(510, 0xaa55, true);
  view.setUint8(450, 0xee);
  view.setUint32(454, 1, true);
  view.setUint32(458, of - 1, true);
  const table = bytes.subarray(2 * SECTOR, (2 + TABLE_SECTORS) * SECTOR);
  table.set(Buffer.from("af3dc60f838472478e793d69d8477de4", "hex"));
  table.set(crypto.getRandomValues(new Uint8Array(16)), 16);
  const entry = new DataView(table.buffer, table.byteOffset);
  entry.setBigUint64(32, 64n, true);
  entry.setBigUint64(40, 127n, true);
  writeHeader(bytes, 1, of - 1, 2, of, table);
  bytes.set(table, (of - 1 - TABLE_SECTORS) * SECTOR);
  writeHeader(bytes, of - 1, 1, of - 1 - TABLE_SECTORS, of, table);
  return new MemoryLayer(bytes, false);
}

function writeHeader(
  disk: Uint8Array,
  own: number,
  other: number,
  table: number,
  of: number,
  entries: Uint8Array,
): void {
  const bytes = disk.subarray(own * SECTOR, (own + 1) * SECTOR);
  bytes.fill(0);
  bytes.set(Buffer.from("EFI PART"));
  const view = new DataView(bytes.buffer, bytes.byteOffset, SECTOR);
  view.setUint32(8, 0x10000, true);
  view.setUint32(12, 92, true);
  view.setBigUint64(24, BigInt(own), true);
  view.setBigUint64(32, BigInt(other), true);
  view.setBigUint64(40, BigInt(2 + TABLE_SECTORS), true);
  view.setBigUint64(48, BigInt(of - 2 - TABLE_SECTORS), true);
  view.setBigUint64(72, BigInt(table), true);
  view.setUint32(80, ENTRIES, true);
  view.setUint32(84, ENTRY, true);
  view.setUint32(88, Bun.hash.crc32(entries), true);
  view.setUint32(16, Bun.hash.crc32(bytes.subarray(0, 92)), true);
}

describe("a GPT on a disk that has grown", () => {
  test("ends at the new end of the disk, in both copies, with the partitions as they were", async () => {
    const disk = gptDisk(400, 1000);
    const partitions = await readPartitionTable(disk);
    expect(await moveBackupGpt(disk)).toBe("moved");
    const want = gptDisk(1000, 1000);
    // What the partition is called and where the old copy was may stay; tables and headers are those of a fresh disk.
    want.bytes.set(disk.bytes.subarray(2 * SECTOR, (2 + TABLE_SECTORS) * SECTOR), 2 * SECTOR);
    const table = want.bytes.subarray(2 * SECTOR, (2 + TABLE_SECTORS) * SECTOR);
    want.bytes.set(table, (1000 - 1 - TABLE_SECTORS) * SECTOR);
    writeHeader(want.bytes, 1, 999, 2, 1000, table);
    writeHeader(want.bytes, 999, 1, 999 - TABLE_SECTORS, 1000, table);
    for (const [from, to] of [
      [0, 2 + TABLE_SECTORS],
      [1000 - 1 - TABLE_SECTORS, 1000],
    ] as const) {
      expect(disk.bytes.subarray(from * SECTOR, to * SECTOR)).toEqual(
        want.bytes.subarray(from * SECTOR, to * SECTOR),
      );
    }
    expect(await readPartitionTable(disk)).toEqual(partitions);
    expect(await moveBackupGpt(disk)).toBe("in-place");
  });

  test("is left alone when its header or its table is damaged, and where there is none", async () => {
    for (const damaged of [SECTOR + 40, 2 * SECTOR + 50]) {
      const disk = gptDisk(400, 1000);
      disk.bytes[damaged] = 0xff;
      const before = disk.bytes.slice();
      expect(await moveBackupGpt(disk)).toBe("none");
      expect(disk.bytes).toEqual(before);
    }
    expect(await moveBackupGpt(new MemoryLayer(new Uint8Array(4096), false))).toBe("none");
  });
});
