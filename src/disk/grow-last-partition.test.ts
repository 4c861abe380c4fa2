import { expect, test } from "bun:test";
import { MemoryLayer } from "../../test/support/memory-layer.ts";
import { growPartitions } from "./grow-last-partition.ts";

const MIB = 2 ** 20;

test("a disk without a table is left alone", async () => {
  const bytes = crypto.getRandomValues(new Uint8Array(64 * 1024));
  bytes[510] = 0;
  const disk = new MemoryLayer(bytes.slice(), false);
  expect(await growPartitions(disk)).toEqual({ backupGpt: "none", partition: null });
  const after = new Uint8Array(bytes.byteLength);
  await disk.read(after, 0);
  expect(after).toEqual(bytes);
});

test("a Linux partition of an MBR ends at the last whole MiB of the disk", async () => {
  const bytes = new Uint8Array(5 * MIB + 512 * 7);
  const view = new DataView(bytes.buffer);
  view.setUint16(510, 0xaa55, true);
  view.setUint8(446 + 4, 0x83);
  view.setUint32(446 + 8, 2048, true);
  view.setUint32(446 + 12, 2048, true);
  const disk = new MemoryLayer(bytes, false);
  expect(await growPartitions(disk)).toEqual({ backupGpt: "none", partition: 1 });
  const sector = new Uint8Array(512);
  await disk.read(sector, 0);
  expect(new DataView(sector.buffer).getUint32(446 + 12, true)).toBe(4 * 2048);
  expect(await growPartitions(disk)).toEqual({ backupGpt: "none", partition: null });
});
