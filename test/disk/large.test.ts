/** Overlays of the largest size, their files filled with holes up to where the host's file system ends. */
import { expect, test, setDefaultTimeout } from "bun:test";
import { statSync, truncateSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { createOverlay } from "../../src/disk/qcow2/create.ts";
import { openOverlay } from "../../src/disk/qcow2/open.ts";
import { VERIFIED_TABLES } from "../../src/disk/qcow2/verify.ts";
import type { Layer } from "../../src/disk/layer.ts";
import { expectSame } from "../support/layer-contract.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { describeWith } from "../support/tools.ts";
import { expectCheckClean, qemuIo } from "./qemu.ts";

// A machine that is busy with other things takes its time.
setDefaultTimeout(120_000);

const TIB = 2 ** 40;
const CLUSTER = 131_072;

function block(fill: number): Uint8Array {
  return new Uint8Array(4096).fill(fill);
}

async function expectBlock(layer: Layer, fill: number, offset: number): Promise<void> {
  const bytes = new Uint8Array(4096);
  await layer.read(bytes, offset);
  expectSame(bytes, block(fill));
}

/** The largest file that the file system takes, in whole clusters, 16 TiB at most. */
function largestFile(path: string): number {
  let bytes = 16 * TIB;
  for (;;) {
    try {
      truncateSync(path, bytes);
      return bytes;
    } catch {
      bytes = bytes === 16 * TIB ? bytes - CLUSTER : bytes / 2;
    }
  }
}

describeWith(["qemu-img", "qemu-io"], "an overlay of 16 TiB", () => {
  const folder = temporaryFolder("large");

  test("is written and read in its last sectors, by us and by QEMU", async () => {
    const path = join(folder, "disk.qcow2");
    await createOverlay(path, { sizeBytes: 16 * TIB });
    const disk = await openOverlay(path);
    disk.write(block(1), 0);
    disk.write(block(2), 16 * TIB - 4096);
    disk.discard(8 * TIB, TIB);
    await disk.close();
    await expectCheckClean(path);
    qemuIo(path, `read -P 1 0 4k`, `read -P 2 ${16 * TIB - 4096} 4k`, `write -P 3 ${16 * TIB - 12_288} 4k`);
    const again = await openOverlay(path);
    await expectBlock(again, 3, 16 * TIB - 12_288);
    await expectBlock(again, 0, 16 * TIB - 8192);
    await again.close();
    expect(statSync(path).blocks * 512).toBeLessThan(2 ** 20);
  });

  test("has its data at the end of the largest file, and is mended there after a kill", async () => {
    const { path } = await nearTheEnd("end.qcow2", 64);
    const disk = await openOverlay(path);
    for (let i = 1; i <= 5; i += 1) disk.write(block(i), i * 2 ** 30);
    await disk.flush();
    disk.write(block(6), 6 * 2 ** 30);
    expect(statSync(path).size).toBeGreaterThan(8 * TIB - 2 ** 30);
    const copy = join(folder, "killed.qcow2");
    await Bun.$`cp --sparse=always ${path} ${copy} && cp ${path}.journal ${copy}.journal`.quiet();
    await disk.close();
    const mended = await openOverlay(copy);
    expect(mended.recovery).toMatchObject({ kind: "killed", replayed: 1 });
    for (let i = 1; i <= 6; i += 1) await expectBlock(mended, i, i * 2 ** 30);
    await mended.close();
    await expectCheckClean(copy);
  });

  test("refuses what does not fit into the largest file as out of space, and keeps the rest", async () => {
    const { path, isLimited } = await nearTheEnd("full.qcow2", 6);
    if (!isLimited) return;
    const disk = await openOverlay(path);
    let written = 0;
    expect(() => {
      for (; written < 10; written += 1) disk.write(block(written + 1), written * CLUSTER);
    }).toThrow(expect.objectContaining({ code: "ENOSPC" }));
    expect(written).toBeGreaterThan(3);
    for (let i = 0; i < written; i += 1) await expectBlock(disk, i + 1, i * CLUSTER);
    // A place that has its cluster already can be written on.
    disk.write(block(99), 4096);
    await expectBlock(disk, 99, 4096);
    await disk.close().catch(() => undefined);
  });

  /** An overlay whose file ends so many clusters before the largest, and has nothing free before that. */
  async function nearTheEnd(name: string, clusters: number): Promise<{ path: string; isLimited: boolean }> {
    const path = join(folder, name);
    await createOverlay(path, { sizeBytes: 16 * TIB });
    // Of a disk with many tables the refcounts are believed, those below among them.
    const spread = await openOverlay(path);
    for (let i = 0; i <= VERIFIED_TABLES; i += 1) spread.write(block(1), 8 * TIB + i * 2 ** 30);
    await spread.close();
    const largest = largestFile(path);
    truncateSync(path, largest - clusters * CLUSTER);
    const file = await open(path, "r+");
    await file.write(
      Uint8Array.from({ length: CLUSTER }, (_, i) => i % 2),
      0,
      CLUSTER,
      2 * CLUSTER,
    );
    await file.close();
    return { path, isLimited: largest < 16 * TIB };
  }
});
