/** The disk that a loss of power leaves, made from a record of its writes. */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../../support/temporary.ts";
import { losePower, readRecording } from "./recorded-writes.ts";

const SECTOR = 512;
const BLOCK = 4096;
const folder = temporaryFolder("recorded-writes");

/** A record of one write of `bytes` at `offset`, in the form that QEMU's blklogwrites has. */
function recordOf(bytes: Uint8Array, offset: number): string {
  const path = join(folder, "record");
  const file = new Uint8Array(2 * SECTOR + bytes.length);
  const view = new DataView(file.buffer);
  view.setBigUint64(0, 0x006a736677736872n, true);
  view.setUint32(24, SECTOR, true);
  view.setBigUint64(SECTOR, BigInt(offset / SECTOR), true);
  view.setBigUint64(SECTOR + 8, BigInt(bytes.length / SECTOR), true);
  file.set(bytes, 2 * SECTOR);
  writeFileSync(path, file);
  return path;
}

/** How many sectors of a write at `offset` a loss of power left new within `looked`, for each of many chances. */
function newSectors(bytes: Uint8Array, offset: number, looked: { at: number; length: number }): number[] {
  const recording = readRecording(recordOf(bytes, offset));
  const image = join(folder, "disk.img");
  const counts = new Set<number>();
  for (let round = 0; round < 200; round += 1) {
    writeFileSync(image, new Uint8Array(4 * BLOCK));
    losePower(image, recording, Infinity, { chance: Math.random, odds: 0.5 });
    const after = readFileSync(image).subarray(looked.at, looked.at + looked.length);
    let changed = 0;
    for (let at = 0; at < after.length; at += SECTOR)
      if (after.subarray(at, at + SECTOR).includes(7)) changed += 1;
    counts.add(changed);
  }
  return [...counts].toSorted((a, b) => a - b);
}

const journalBlock = new Uint8Array(BLOCK).fill(7);
new DataView(journalBlock.buffer).setUint32(0, 0xc03b3998);

test("a write that was not flushed is torn at any sector", () => {
  const block = new Uint8Array(BLOCK).fill(7);
  expect(newSectors(block, BLOCK, { at: BLOCK, length: BLOCK }).length).toBeGreaterThan(3);
});

test.each([
  ["the superblock of ext4 with large blocks", new Uint8Array(BLOCK).fill(7), 0, 1024],
  ["the superblock of ext4 with small blocks", new Uint8Array(1024).fill(7), 1024, 1024],
  ["that of its journal", journalBlock, 2 * BLOCK, 2 * BLOCK],
])("%s is there whole or not at all", (_, block, offset, at) => {
  expect(newSectors(block, offset, { at, length: 1024 })).toEqual([0, 2]);
});
