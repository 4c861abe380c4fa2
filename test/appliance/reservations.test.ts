/** Persistent reservations over a server that is killed and started again: they belong to the session's record. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import { Initiator } from "../../src/iscsi-target/testing/initiator.ts";
import {
  CreatedSessionSchema,
  type CreatedSession,
  temporaryFolder,
  TestServer,
} from "../support/pinetboot.ts";

const GOOD = 0x00;
const RESERVATION_CONFLICT = 0x18;
const REGISTER = 0;
const RESERVE = 1;
const READ_KEYS = 0;
const REPORT_CAPABILITIES = 2;
const EXCLUSIVE_ACCESS = 3;
/** APTPL: what is registered outlives a loss of power. */
const KEEP = 0x01;
const NO_KEY = 0;
const READ_ONE_BLOCK = [0x28, 0, 0, 0, 0, 0, 0, 0, 1];

const A = { name: "iqn.2026-01.test:a", isid: "00023d000001", key: 0xaa };
const B = { name: "iqn.2026-01.test:b", isid: "00023d000001", key: 0xbb };
type Host = typeof A;

let folder = temporaryFolder("reservations");
let server: TestServer;
let session: CreatedSession;

const start = async (): Promise<void> => {
  server = await TestServer.start({ data: join(folder.path, "data") });
};

const killAndStart = async (): Promise<void> => {
  await server.stop("SIGKILL");
  await start();
};

beforeEach(async () => {
  folder = temporaryFolder("reservations");
  await start();
  const response = await fetch(`${server.ready.http}/api/sessions`, {
    method: "POST",
    body: JSON.stringify({ image: "blank", size: "64M" }),
    headers: { "content-type": "application/json" },
  });
  session = CreatedSessionSchema.parse(await response.json());
});
afterEach(async () => {
  await server.stop("SIGKILL");
  folder.dispose();
});

async function logIn({ name, isid }: Host): Promise<Initiator> {
  const initiator = await Initiator.login(Number(server.ready.iscsi?.split(":")[1]), {
    target: session.iqn,
    initiatorName: name,
    isid,
    chap: { user: session.chap_user, secret: session.chap_secret },
  });
  // The first command after a login is answered with a unit attention.
  await initiator.command([0, 0, 0, 0, 0, 0]);
  return initiator;
}

async function out(host: Initiator, action: number, key: number, newKey: number, flags = 0): Promise<number> {
  const list = new Uint8Array(24);
  list[7] = key;
  list[15] = newKey;
  list[20] = flags;
  const cdb = [0x5f, action, EXCLUSIVE_ACCESS, 0, 0, 0, 0, 0, list.length];
  return (await host.command(cdb, { write: true, data: list, expectedLength: list.length })).status;
}

async function ask(host: Initiator, action: number): Promise<Uint8Array> {
  const cdb = [0x5e, action, 0, 0, 0, 0, 0, 0, 255];
  return (await host.command(cdb, { read: true, expectedLength: 255 })).data;
}

async function read(host: Initiator): Promise<number> {
  return (await host.command(READ_ONE_BLOCK, { read: true, expectedLength: 512 })).status;
}

test("what a host reserved is still its own after the server was killed, and it comes back as itself", async () => {
  const before = await logIn(A);
  expect((await ask(before, REPORT_CAPABILITIES))[2]).toBe(0x05);
  expect(await out(before, REGISTER, NO_KEY, A.key, KEEP)).toBe(GOOD);
  expect(await out(before, RESERVE, A.key, NO_KEY)).toBe(GOOD);
  await killAndStart();
  const other = await logIn(B);
  expect(await read(other)).toBe(RESERVATION_CONFLICT);
  const again = await logIn(A);
  expect(await read(again)).toBe(GOOD);
  expect((await ask(again, READ_KEYS)).subarray(0, 16).toHex()).toBe("000000010000000800000000000000aa");
  // What is taken back stays taken back.
  expect(await out(again, REGISTER, A.key, NO_KEY)).toBe(GOOD);
  await killAndStart();
  expect(await read(await logIn(B))).toBe(GOOD);
});

test("what a host did not ask to keep is gone with the server", async () => {
  const before = await logIn(A);
  expect(await out(before, REGISTER, NO_KEY, A.key)).toBe(GOOD);
  expect(await out(before, RESERVE, A.key, NO_KEY)).toBe(GOOD);
  await killAndStart();
  const other = await logIn(B);
  expect(await read(other)).toBe(GOOD);
  expect((await ask(other, READ_KEYS)).toHex()).toBe("0000000000000000");
});

test("a session that is removed takes its reservations along", async () => {
  const host = await logIn(A);
  expect(await out(host, REGISTER, NO_KEY, A.key, KEEP)).toBe(GOOD);
  const path = `${server.ready.http}/api/sessions/${session.id}`;
  expect((await fetch(`${path}?force=true`, { method: "DELETE" })).status).toBe(204);
  expect((await fetch(path)).status).toBe(404);
});
