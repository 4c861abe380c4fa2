/** Writes to a device that must read something first: they wait, and nobody else does. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Initiator, READ_16, WRITE_16, cdb16 } from "../testing/initiator.ts";
import { manage } from "../testing/manage.ts";
import type { RamDevice } from "../testing/ram-device.ts";
import { type Served, TARGET, serve } from "../testing/serve.ts";

// Sockets and timers on a machine that is busy with other suites.
setDefaultTimeout(30_000);

const GOOD = 0;
const BLOCK = 512;
const ABORT_TASK_SET = 2; // RFC 7143 11.5.1

const served: Served[] = [];
afterEach(async () => {
  for (const { server } of served.splice(0)) await server.stop();
});

async function ready(): Promise<{ initiator: Initiator; device: RamDevice; release: () => void }> {
  const one = await serve();
  served.push(one);
  const initiator = await Initiator.login(one.port, { target: TARGET });
  await initiator.command([0x00]);
  one.device.unprepared = true;
  return { initiator, device: one.device, release: one.device.hold() };
}

function bytes(blocks: number): Uint8Array {
  return Uint8Array.from({ length: blocks * BLOCK }, (_, i) => (i * 7 + (i >> 9)) & 0xff);
}

describe("a device that is not ready for a write", () => {
  test("gets all of its data, immediate and asked for, before the write is answered; others go on meanwhile", async () => {
    const { initiator, device, release } = await ready();
    const large = bytes(2000);
    const small = bytes(1).fill(3);
    const answered: string[] = [];
    const write = async (name: string, lba: number, data: Uint8Array): Promise<number> => {
      const { status } = await initiator.command(cdb16(WRITE_16, lba, data.length / BLOCK), { data });
      answered.push(name);
      return status;
    };
    const writes = [write("small", 0, small), write("large", 8, large), write("other", 4, bytes(1).fill(4))];
    const read = await initiator.command(cdb16(READ_16, 8, 1), { expectedLength: BLOCK });
    // What comes now lies where the socket's buffer had the data that waits.
    writes.push(write("late", 3000, bytes(16).fill(8)));
    await initiator.command(cdb16(READ_16, 8, 1), { expectedLength: BLOCK });
    expect([read.status, answered]).toEqual([GOOD, []]);
    release();
    expect(await Promise.all(writes)).toEqual([GOOD, GOOD, GOOD, GOOD]);
    expect(Buffer.compare(device.bytes.subarray(0, BLOCK), small)).toBe(0);
    expect(Buffer.compare(device.bytes.subarray(8 * BLOCK, 2008 * BLOCK), large)).toBe(0);
  });

  test("is not written by a command that was aborted while it waited", async () => {
    const { initiator, device, release } = await ready();
    void initiator.command(cdb16(WRITE_16, 0, 1), { data: bytes(1).fill(9) });
    const read = await initiator.command(cdb16(READ_16, 0, 1), { expectedLength: BLOCK });
    expect(read.status).toBe(GOOD);
    await manage(initiator, ABORT_TASK_SET);
    release();
    device.unprepared = false;
    expect((await initiator.command(cdb16(WRITE_16, 1, 1), { data: bytes(1) })).status).toBe(GOOD);
    expect(device.bytes.indexOf(9, 0)).not.toBe(0);
  });

  test("is discarded, filled and mapped only when it is", async () => {
    const { initiator, device, release } = await ready();
    device.bytes.fill(5);
    const list = new Uint8Array(24);
    const view = new DataView(list.buffer);
    view.setUint16(0, 22);
    view.setUint16(2, 16);
    view.setUint32(16, 8);
    const unmap = initiator.command([0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0], { data: list });
    const fill = initiator.command([0x93, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 4, 0, 0], {
      data: new Uint8Array(BLOCK).fill(6),
    });
    const map = initiator.command([0x9e, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0], {
      expectedLength: 64,
    });
    await initiator.command(cdb16(READ_16, 0, 1), { expectedLength: BLOCK });
    expect([device.bytes[0], device.bytes[16 * BLOCK]]).toEqual([5, 5]);
    release();
    expect([(await unmap).status, (await fill).status, (await map).status]).toEqual([GOOD, GOOD, GOOD]);
    expect([device.bytes[0], device.bytes[16 * BLOCK]]).toEqual([0, 6]);
  });
});
