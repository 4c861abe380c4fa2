/** A disk that keeps its own session waiting, and must not keep any other. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { BlockDevice } from "iscsi-target-ts";
import { openRawFile } from "../../src/disk/raw-file.ts";
import { Initiator, READ_16, WRITE_16, cdb16 } from "../../src/iscsi-target/testing/initiator.ts";
import { RamDevice } from "../../src/iscsi-target/testing/ram-device.ts";
import { type Served, serve, unitOf } from "../../src/iscsi-target/testing/serve.ts";
import { describeWith } from "../support/tools.ts";

const SLOW = "iqn.2026-01.test:slow";
const QUICK = "iqn.2026-01.test:quick";
const KIB = 1024;
const BLOCKS = (4 * KIB) / 512;
const SIZE = 1024 * KIB;
const GOOD = 0;
const TEST_UNIT_READY = [0x00];
const SYNCHRONIZE_CACHE = [0x35];
/** More than any pool of threads has, and fewer than the command window. */
const READS = 100;

/** Tells how many reads wait in it at once. */
class CountingDevice extends RamDevice {
  waiting = 0;
  most = 0;

  override async read(into: Uint8Array, offset: number): Promise<void> {
    this.most = Math.max(this.most, ++this.waiting);
    await super.read(into, offset);
    this.waiting--;
  }
}

let served: Served | undefined;
afterEach(async () => {
  await served?.server.stop();
  served = undefined;
});

async function serveBoth(slow: BlockDevice, quick: RamDevice): Promise<Served> {
  served = await serve({
    targets: [SLOW, QUICK],
    open: ({ targetName }) => ({
      units: [
        { ...unitOf(quick), ...(targetName === SLOW ? { device: slow, naa: "3000000000000009" } : {}) },
      ],
      closed: () => undefined,
    }),
  });
  return served;
}

async function logIn({ port }: Served, target: string): Promise<Initiator> {
  const initiator = await Initiator.login(port, { target });
  await initiator.command(TEST_UNIT_READY);
  return initiator;
}

function filled<T extends RamDevice>(device: T): T {
  for (let at = 0; at < device.bytes.length; at++) device.bytes[at] = (at >>> 12) ^ at;
  return device;
}

const readAt = (initiator: Initiator, page: number) =>
  initiator.command(cdb16(READ_16, page * BLOCKS, BLOCKS), { expectedLength: 4 * KIB });

describe("a disk that has stalled", () => {
  test("keeps its own session waiting, while another reads, writes and flushes to the end", async () => {
    const slow = filled(new CountingDevice(SIZE, { cold: true }));
    const quick = filled(new RamDevice(SIZE));
    const both = await serveBoth(slow, quick);
    const waiter = await logIn(both, SLOW);
    const other = await logIn(both, QUICK);
    slow.unprepared = true;
    const release = slow.hold();
    let answered = 0;
    const count = <T>(result: T): T => {
      answered++;
      return result;
    };
    const data = new Uint8Array(4 * KIB).fill(0xa5);
    const reads = Array.from({ length: READS }, async (_, page) => count(await readAt(waiter, page)));
    const write = waiter.command(cdb16(WRITE_16, 200 * BLOCKS, BLOCKS), { data }).then(count);
    const flush = waiter.command(SYNCHRONIZE_CACHE).then(count);
    for (let page = 0; page < 200; page++) {
      expect((await readAt(other, page)).data).toEqual(quick.bytes.slice(page * 4096, page * 4096 + 4096));
      expect((await other.command(cdb16(WRITE_16, page * BLOCKS, BLOCKS), { data })).status).toBe(GOOD);
    }
    expect((await other.command(SYNCHRONIZE_CACHE)).status).toBe(GOOD);
    expect(answered).toBe(0);
    expect(slow.bytes.subarray(200 * 4096, 201 * 4096)).not.toEqual(data);
    release();
    for (const [page, read] of reads.entries())
      expect((await read).data).toEqual(slow.bytes.slice(page * 4096, page * 4096 + 4096));
    expect((await write).status).toBe(GOOD);
    expect((await flush).status).toBe(GOOD);
    expect(slow.bytes.subarray(200 * 4096, 201 * 4096)).toEqual(data);
  });

  test("is asked for eight things at once, so that threads are left for the other disks", async () => {
    const slow = filled(new CountingDevice(SIZE, { cold: true }));
    const both = await serveBoth(slow, new RamDevice(SIZE));
    const waiter = await logIn(both, SLOW);
    slow.unprepared = true;
    const release = slow.hold();
    const reads = Array.from({ length: READS }, (_, page) => readAt(waiter, page));
    const other = await logIn(both, QUICK);
    expect((await readAt(other, 0)).status).toBe(GOOD);
    expect(slow.waiting).toBe(8);
    release();
    for (const read of reads) expect((await read).status).toBe(GOOD);
    expect(slow.most).toBe(8);
  });
});

describeWith(["dd"], "a file that is not in memory", () => {
  let folder = "";
  beforeEach(async () => {
    // A memory file system has nothing that is cold.
    folder = await mkdtemp("/var/tmp/pinetboot-cold-");
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("is never waited for by the event loop, and read all the same", async () => {
    const path = join(folder, "disk.img");
    const { bytes } = filled(new RamDevice(SIZE));
    await Bun.write(path, bytes);
    const words = ["dd", `of=${path}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none"];
    expect(await Bun.spawn(words).exited).toBe(0);
    const layer = await openRawFile(path, { readOnly: true });
    let misses = 0;
    const slow: BlockDevice = {
      sizeBytes: layer.sizeBytes,
      readOnly: true,
      tryRead(into, offset) {
        const isThere = layer.tryRead(into, offset);
        if (!isThere) misses++;
        return isThere;
      },
      read: (into, offset) => layer.read(into, offset),
      write: () => undefined,
      discard: () => undefined,
      flush: () => layer.flush(),
    };
    const both = await serveBoth(slow, filled(new RamDevice(SIZE)));
    const waiter = await logIn(both, SLOW);
    const reads = Array.from({ length: READS }, (_, page) => readAt(waiter, page));
    for (const [page, read] of reads.entries())
      expect((await read).data).toEqual(bytes.slice(page * 4096, page * 4096 + 4096));
    expect(misses).toBeGreaterThan(0);
    await both.server.stop();
    await layer.close();
  });
});
