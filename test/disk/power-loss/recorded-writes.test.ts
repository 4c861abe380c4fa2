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

/** How many sectors of the block at `offset` a loss of power left new, for each of many chances. */
function newSectors(block: Uint8Array, offset: number): Set<number> {
  const recording = readRecording(recordOf(block, offset));
  const image = join(folder, "disk.img");
  const counts = new Set<number>();
  for (let round = 0; round < 200; round += 1) {
    writeFileSync(image, new Uint8Array(4 * BLOCK));
    losePower(image, recording, Infinity, { chance: Math.random, odds: 0.5 });
    const after = readFileSync(image).subarray(offset, offset + BLOCK);
    let changed = 0;
    for (let at = 0; at < BLOCK; at += SECTOR) if (after.subarray(at, at + SECTOR).includes(7)) changed += 1;
    counts.add(changed);
  }
  return counts;
}

const ALL = BLOCK / SECTOR;
const journalBlock = new Uint8Array(BLOCK).fill(7);
new DataView(journalBlock.buffer).setUint32(0, 0xc03b3998);

test("a write that was not flushed is torn at any sector", () => {
  expect(newSectors(new Uint8Array(BLOCK).fill(7), BLOCK).size).toBeGreaterThan(3);
});

test.each([
  ["the superblock of ext4", new Uint8Array(BLOCK).fill(7), 0],
  ["a block of its journal", journalBlock, 2 * BLOCK],
])("%s is there whole or not at all", (_, block, offset) => {
  expect([...newSectors(block, offset)].toSorted((a, b) => a - b)).toEqual([0, ALL]);
});
