/** What one session may cost the server and the others: memory, dirty bytes, places. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Initiator, READ_16, WRITE_16, cdb16 } from "../testing/initiator.ts";
import { RamDevice } from "../testing/ram-device.ts";
import { type ServeOptions, type Served, TARGET, serve } from "../testing/serve.ts";
import { encodeNopOut } from "./pdu/nop.ts";
import { NO_TAG } from "./pdu/basic-header.ts";

// Sockets and timers on a machine that is busy with other suites.
setDefaultTimeout(30_000);

const GOOD = 0;
const MIB = 1024 * 1024;
const READS = 64;
const READ_BYTES = 32 * MIB;

let served: Served | undefined;
afterEach(() => served?.server.stop());

async function start(options: ServeOptions): Promise<Served> {
  served = await serve(options);
  return served;
}

async function ready(port: number, isid = "023d00000001"): Promise<Initiator> {
  const initiator = await Initiator.login(port, { target: TARGET, isid });
  await initiator.command([0x00]);
  return initiator;
}

describe("reads that nobody takes", () => {
  for (const cold of [false, true]) {
    test(`are not made: 64 of 32 MiB from a ${cold ? "slow" : "fast"} disk leave memory as it was`, async () => {
      const { port, device } = await start({ device: new RamDevice(READ_BYTES, { cold }) });
      device.bytes.fill(1);
      const other = await ready(port, "023d00000002");
      const peer = await ready(port);
      peer.stopReading();
      Bun.gc(true);
      const before = process.memoryUsage().rss;
      for (let i = 0; i < READS; i++)
        void peer.command(cdb16(READ_16, 0, READ_BYTES / 512), { expectedLength: READ_BYTES });
      // As long as others are served, the server has had every chance to fill its memory.
      for (let i = 0; i < 200; i++)
        expect((await other.command(cdb16(READ_16, 0, 8), { expectedLength: 4096 })).status).toBe(GOOD);
      expect(process.memoryUsage().rss - before).toBeLessThan(48 * MIB);
      peer.cut();
      await peer.closed;
    });
  }
});

describe("writes that no one flushes", () => {
  const limits = { maxDirtyBytes: 4 * MIB };

  test("are flushed by the server when three quarters of the budget are dirty", async () => {
    const { port, device } = await start({ limits });
    const initiator = await ready(port);
    for (let i = 0; i < 3; i++)
      await initiator.command(cdb16(WRITE_16, i * 2048, 2048), { data: new Uint8Array(MIB) });
    expect(device.flushes).toBeGreaterThan(0);
  });

  test("wait for that flush beyond the budget, data of theirs too, while others go on", async () => {
    const { port, device } = await start({ limits });
    const initiator = await ready(port);
    const other = await ready(port, "023d00000002");
    const release = device.hold();
    let answered = 0;
    const writes = Array.from({ length: 16 }, async (_, i) => {
      const lba = (i % 4) * 2048;
      const { status } = await initiator.command(cdb16(WRITE_16, lba, 2048), { data: new Uint8Array(MIB) });
      expect(status).toBe(GOOD);
      answered++;
    });
    await ping(initiator);
    for (let i = 0; i < 50; i++) expect((await other.command([0x00])).status).toBe(GOOD);
    // Whatever comes without an R2T is taken; of the rest not more than the budget and one burst.
    expect(answered).toBeLessThan(8);
    release();
    await Promise.all(writes);
    expect(device.flushes).toBeGreaterThan(0);
  });

  test("that wait are dropped with their session, and its units are closed after the flush", async () => {
    const { port, device, ends, event } = await start({ limits });
    const initiator = await ready(port);
    const release = device.hold();
    for (let i = 0; i < 16; i++)
      void initiator.command(cdb16(WRITE_16, (i % 4) * 2048, 2048), { data: new Uint8Array(MIB) });
    await ping(initiator);
    initiator.cut();
    await initiator.closed;
    expect(ends).toEqual([]);
    release();
    await event("drop");
    expect(ends).toEqual(["drop"]);
  });

  test("and whose flush fails are told of at the initiator's next flush", async () => {
    const { port, device } = await start({ limits });
    const initiator = await ready(port);
    device.failure = { on: "flush", code: "EIO" };
    for (let i = 0; i < 3; i++)
      await initiator.command(cdb16(WRITE_16, i * 2048, 2048), { data: new Uint8Array(MIB) });
    device.failure = undefined;
    const { status, sense } = await initiator.command([0x35]);
    expect([status, sense[2], sense[12]]).toEqual([2, 3, 0x0c]);
    expect((await initiator.command([0x35])).status).toBe(GOOD);
  });
});

test("a target takes so many sessions and no more, and one that ends makes room", async () => {
  const { port, event } = await start({ limits: { maxSessionsPerTarget: 2 } });
  const one = await ready(port, "023d00000001");
  await ready(port, "023d00000002");
  expect(ready(port, "023d00000003")).rejects.toThrow("0x302");
  expect((await event("login-failed")).reason).toContain("as many sessions");
  // The same nexus takes its own place.
  await ready(port, "023d00000001");
  await one.closed;
  const last = await ready(port, "023d00000002");
  await last.logout();
  await ready(port, "023d00000003");
});

/** Returns when the server has seen everything that was sent before. */
async function ping(initiator: Initiator): Promise<void> {
  const { cmdSn, expStatSn } = initiator;
  const nop = { immediate: true, taskTag: 0x7777, transferTag: NO_TAG, cmdSn, expStatSn, dataLength: 0 };
  initiator.send(encodeNopOut(nop));
  await initiator.next();
}
