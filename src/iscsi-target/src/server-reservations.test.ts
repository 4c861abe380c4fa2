/** What two hosts at one disk see of each other: reservations, the mode, the medium, through real sockets. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Initiator } from "../testing/initiator.ts";
import { RamDevice } from "../testing/ram-device.ts";
import { type ServeOptions, type Served, TARGET, serve } from "../testing/serve.ts";

// Sockets and timers on a machine that is busy with other suites.
setDefaultTimeout(30_000);

const GOOD = 0x00;
const CHECK_CONDITION = 0x02;
const RESERVATION_CONFLICT = 0x18;
const OUT = { register: 0, reserve: 1, preemptAndAbort: 5 } as const;
const EXCLUSIVE = 3;
const NO_KEY = 0;
const A = { name: "iqn.2026-01.test:a", key: 0xaa };
const B = { name: "iqn.2026-01.test:b", key: 0xbb };
const READ_ONE_BLOCK = [0x28, 0, 0, 0, 0, 0, 0, 0, 1];

const served: Served[] = [];
afterEach(async () => {
  for (const { server } of served.splice(0)) await server.stop();
});

async function start(options: ServeOptions = {}): Promise<Served> {
  const one = await serve(options);
  served.push(one);
  return one;
}

async function host(port: number, { name }: { readonly name: string }): Promise<Initiator> {
  const initiator = await Initiator.login(port, { target: TARGET, initiatorName: name });
  await initiator.command([0x00]);
  return initiator;
}

async function persistentOut(
  initiator: Initiator,
  action: keyof typeof OUT,
  key: number,
  other: number,
): Promise<number> {
  const list = new Uint8Array(24);
  list[7] = key;
  list[15] = other;
  const cdb = [0x5f, OUT[action], EXCLUSIVE, 0, 0, 0, 0, 0, list.length];
  return (await initiator.command(cdb, { write: true, data: list, expectedLength: list.length })).status;
}

async function readOne(initiator: Initiator): Promise<{ status: number; sense: Uint8Array }> {
  return await initiator.command(READ_ONE_BLOCK, { read: true, expectedLength: 512 });
}

describe("a persistent reservation", () => {
  test("shuts the other host out with a status that has no sense data", async () => {
    const { port } = await start();
    const [a, b] = [await host(port, A), await host(port, B)];
    expect(await persistentOut(a, "register", NO_KEY, A.key)).toBe(GOOD);
    expect(await persistentOut(a, "reserve", A.key, NO_KEY)).toBe(GOOD);
    const refused = await readOne(b);
    expect([refused.status, refused.sense.length]).toEqual([RESERVATION_CONFLICT, 0]);
    expect((await readOne(a)).status).toBe(GOOD);
  });

  test("is still its host's after a lost connection and a new login", async () => {
    const { port, event } = await start();
    const first = await host(port, A);
    await persistentOut(first, "register", NO_KEY, A.key);
    await persistentOut(first, "reserve", A.key, NO_KEY);
    first.cut();
    await event("drop");
    const b = await host(port, B);
    expect((await readOne(b)).status).toBe(RESERVATION_CONFLICT);
    expect((await readOne(await host(port, A))).status).toBe(GOOD);
  });

  test("is taken over with what its host has under way", async () => {
    const device = new RamDevice(65536, { cold: true });
    const { port } = await start({ device });
    const [a, b] = [await host(port, A), await host(port, B)];
    await persistentOut(a, "register", NO_KEY, A.key);
    await persistentOut(b, "register", NO_KEY, B.key);
    await persistentOut(a, "reserve", A.key, NO_KEY);
    const release = device.hold();
    let isAnswered = false;
    void readOne(a).then(
      () => (isAnswered = true),
      () => undefined,
    );
    // An echo behind the read: the target has it.
    await a.command([0x12, 0, 0, 0, 36], { read: true, expectedLength: 36 });
    expect(await persistentOut(b, "preemptAndAbort", B.key, A.key)).toBe(GOOD);
    release();
    const told = await a.command([0x00]);
    expect([told.status, told.sense[12], told.sense[13]]).toEqual([CHECK_CONDITION, 0x2a, 0x05]);
    expect((await readOne(b)).status).toBe(GOOD);
    expect(isAnswered).toBe(false);
    expect((await readOne(a)).status).toBe(RESERVATION_CONFLICT);
  });
});

test("RESERVE(6) ends with the session that made it", async () => {
  const { port, event } = await start();
  const [a, b] = [await host(port, A), await host(port, B)];
  expect((await a.command([0x16])).status).toBe(GOOD);
  expect((await b.command([0x00])).status).toBe(RESERVATION_CONFLICT);
  await a.logout();
  await event("logout");
  expect((await b.command([0x00])).status).toBe(GOOD);
});

test("a host that asks for descriptors gets its sense data in them", async () => {
  const { port } = await start();
  const a = await host(port, A);
  const page = Uint8Array.of(0, 0, 0, 0, 0x0a, 10, 0x04, 0x10, 0, 0, 0, 0, 0xff, 0xff, 0, 0);
  const cdb = [0x15, 0x10, 0, 0, page.length];
  expect((await a.command(cdb, { write: true, data: page, expectedLength: page.length })).status).toBe(GOOD);
  const { sense } = await a.command([0xff]);
  expect(Array.from(sense.subarray(0, 3))).toEqual([0x72, 0x05, 0x20]);
});
