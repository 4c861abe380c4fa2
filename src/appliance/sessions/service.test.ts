import { afterEach, beforeEach, expect, test } from "bun:test";
import { NO_TRAFFIC } from "./traffic.ts";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Appliance, openAppliance } from "../appliance.ts";
import { ImageLibrary } from "../../images/library.ts";
import { EventLog } from "../events.ts";
import type { Assignment } from "../pis/record.ts";
import { StateDatabase } from "../state/database.ts";
import type { SessionDisks } from "./disks.ts";
import { EPHEMERAL_GRACE_MS } from "./fate.ts";
import { openSessions } from "./open.ts";
import type { SessionRecord } from "./record.ts";
import type { SessionService } from "./service.ts";

const MIB = 2 ** 20;
const INITIATOR = "iqn.2026-01.test:one";

let folder = "";
let now = 1_000_000;
let database: StateDatabase;
let disks: SessionDisks;
let sessions: SessionService;

async function open(): Promise<void> {
  database = new StateDatabase(join(folder, "state.db"));
  const library = await ImageLibrary.open(join(folder, "images"));
  ({ sessions, disks } = await openSessions({
    folder,
    database,
    library,
    events: new EventLog(),
    now: () => now,
  }));
}

async function close(): Promise<void> {
  await disks.closeAll();
  await database.close();
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "pinetboot-sessions-"));
  await open();
});
afterEach(async () => {
  await close();
  rmSync(folder, { recursive: true });
});

const blank = (ephemeral = false) =>
  sessions.create({ disks: [{ image: "blank", sizeBytes: MIB }], ephemeral });

/** Logs in, writes one byte over and over, and leaves. */
async function write(session: SessionRecord, byte: number, clean = true): Promise<void> {
  const [disk] = await sessions.enter(sessions.get(session.id), INITIATOR);
  disk?.layer.write(new Uint8Array(4096).fill(byte), 0);
  await sessions.left(session.id, clean);
}

async function firstByte(session: SessionRecord): Promise<number | undefined> {
  const [disk] = await sessions.enter(sessions.get(session.id), INITIATOR);
  const bytes = new Uint8Array(512);
  await disk?.layer.read(bytes, 0);
  await sessions.left(session.id, false);
  return bytes[0];
}

function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

test("a session is the same after a restart, to the last of its identifiers", async () => {
  const session = await sessions.create({
    disks: [{ image: "blank", sizeBytes: MIB }, { image: "blank" }],
    ttlMs: 5000,
  });
  await close();
  await open();
  expect(sessions.get(session.id)).toEqual(session);
  expect(sessions.byIqn(session.iqn)).toEqual(session);
  expect(sessions.byChapUser(session.chapUser)).toEqual(session);
});

test("the disk is made at the first login, and a second connection shares it", async () => {
  const session = await blank();
  expect(existsSync(join(folder, `${session.id}.qcow2`))).toBe(false);
  const [first, second] = await Promise.all([
    sessions.enter(session, INITIATOR),
    sessions.enter(session, INITIATOR),
  ]);
  expect(first).toBe(second);
  expect(existsSync(join(folder, `${session.id}.qcow2`))).toBe(true);
  await sessions.left(session.id, false);
  expect(disks.isOpen(session.id)).toBe(true);
  await sessions.left(session.id, false);
  expect(disks.isOpen(session.id)).toBe(false);
});

test("a login while the last connection is being closed waits for that and finds what was written", async () => {
  const session = await blank();
  const [disk] = await sessions.enter(session, INITIATOR);
  disk?.layer.write(new Uint8Array(4096).fill(7), 0);
  const leaving = sessions.left(session.id, false);
  expect(await firstByte(session)).toBe(7);
  await leaving;
});

test("what a persistent session holds outlives every logout", async () => {
  const session = await blank();
  await write(session, 7);
  now += 10 * EPHEMERAL_GRACE_MS;
  await sessions.sweep();
  expect(await firstByte(session)).toBe(7);
});

test("an ephemeral session keeps its content over a broken connection, however long", async () => {
  const session = await blank(true);
  await write(session, 7, false);
  now += 10 * EPHEMERAL_GRACE_MS;
  await sessions.sweep();
  expect(await firstByte(session)).toBe(7);
});

test("an ephemeral session keeps its content over a clean logout and a login within the grace", async () => {
  const session = await blank(true);
  await write(session, 7);
  now += EPHEMERAL_GRACE_MS - 1;
  expect(await firstByte(session)).toBe(7);
  now += 10 * EPHEMERAL_GRACE_MS;
  await sessions.sweep();
  expect(await firstByte(session)).toBe(7);
});

test("an ephemeral session begins anew after a clean logout and the grace, also over a restart", async () => {
  const session = await blank(true);
  await write(session, 7);
  await close();
  await open();
  now += EPHEMERAL_GRACE_MS;
  expect(await firstByte(session)).toBe(0);
  expect(sessions.get(session.id).iqn).toBe(session.iqn);
});

test("the sweep gives back the space of an ephemeral session that nobody comes back to", async () => {
  const session = await blank(true);
  await write(session, 7);
  now += EPHEMERAL_GRACE_MS;
  await sessions.sweep();
  expect(readdirSync(folder)).not.toContain(`${session.id}.qcow2`);
});

test("a new boot resets an ephemeral session and ends its old connections; the same boot again does not", async () => {
  const ended: string[] = [];
  sessions.live = {
    trafficOf: () => NO_TRAFFIC,
    initiatorsOf: () => [],
    disconnect: (iqn) => {
      ended.push(iqn);
      return Promise.resolve();
    },
  };
  const session = await blank(true);
  await sessions.noteBoot(session.id, "boot-1");
  await write(session, 7, false);
  await sessions.noteBoot(session.id, "boot-1");
  expect(await firstByte(session)).toBe(7);
  expect(ended).toEqual([]);
  await sessions.noteBoot(session.id, "boot-2");
  expect(await firstByte(session)).toBe(0);
  expect(new Set(ended)).toEqual(new Set([session.iqn]));
});

test("a new boot leaves a persistent session as it is", async () => {
  const session = await blank();
  await sessions.noteBoot(session.id, "boot-1");
  await write(session, 7, false);
  await sessions.noteBoot(session.id, "boot-2");
  expect(await firstByte(session)).toBe(7);
});

test("a session is suspended when its time has come and nobody uses it, and removed when nobody comes back", async () => {
  const session = await sessions.create({ disks: [{ image: "blank" }], ttlMs: 1000, evictAfterMs: 5000 });
  await sessions.enter(session, INITIATOR);
  now += 1000;
  await sessions.sweep();
  expect(sessions.get(session.id).suspendedAt).toBeNull();
  await sessions.left(session.id, true);
  await sessions.sweep();
  expect(sessions.get(session.id).suspendedAt).toBe(now);
  await close();
  await open();
  now += 4999;
  await sessions.sweep();
  expect(sessions.all()).toHaveLength(1);
  now += 1;
  await sessions.sweep();
  expect(sessions.all()).toEqual([]);
});

test("a login wakes a suspended session with its content, and its time begins anew", async () => {
  const session = await sessions.create({ disks: [{ image: "blank", sizeBytes: MIB }], ttlMs: 1000 });
  await write(session, 7);
  now += 1000;
  await sessions.sweep();
  now += 500;
  expect(await firstByte(session)).toBe(7);
  expect(sessions.get(session.id)).toMatchObject({ suspendedAt: null, expiresAt: now + 1000 });
});

test("an ephemeral session whose time is over is not suspended but removed", async () => {
  await sessions.create({ disks: [{ image: "blank" }], ttlMs: 1000, ephemeral: true });
  now += 1000;
  await sessions.sweep();
  expect(sessions.all()).toEqual([]);
});

test("an overlay that was made and is missing refuses the login until the session is reset", async () => {
  const session = await blank();
  await write(session, 7);
  rmSync(join(folder, `${session.id}.qcow2`));
  expect(await failureOf(sessions.enter(sessions.get(session.id), INITIATOR))).toMatchObject({
    code: "not-found",
    fix: expect.stringContaining("session reset"),
  });
});

test("a session in use is removed by force alone, and then its files are gone", async () => {
  const session = await blank();
  await sessions.enter(session, INITIATOR);
  expect(await failureOf(sessions.remove(session.id))).toMatchObject({ code: "in-use" });
  sessions.live = {
    trafficOf: () => NO_TRAFFIC,
    initiatorsOf: () => [{ name: "iqn.2026-01.test:one", address: "10.0.0.7" }],
    disconnect: () => sessions.left(session.id, false),
  };
  await sessions.remove(session.iqn, { force: true });
  expect(sessions.all()).toEqual([]);
  expect(readdirSync(folder).filter((name) => name.startsWith(session.id))).toEqual([]);
});

test("a Pi has one session for an image, and it moves with the Pi to another key", async () => {
  const assignment: Assignment = {
    image: "blank",
    mode: "pivot",
    variant: "ethernet",
    persistent: true,
    readOnly: false,
  };
  const session = await sessions.forPi("dc:a6:32:01:36:c2", assignment);
  expect(await sessions.forPi("dc:a6:32:01:36:c2", assignment)).toEqual(session);
  sessions.movePi("dc:a6:32:01:36:c2", "8d3fa2c1");
  expect((await sessions.forPi("8d3fa2c1", assignment)).id).toBe(session.id);
  expect((await sessions.forPi("8d3fa2c1", { ...assignment, persistent: false })).persistent).toBe(false);
  expect((await sessions.forPi("0000beef", assignment)).id).not.toBe(session.id);
});

test("an open appliance closes its disks and gives the folder back", async () => {
  const dataFolder = join(folder, "whole");
  const appliance: Appliance = await openAppliance({ dataFolder, purpose: "a test" });
  const session = await appliance.sessions.create({ disks: [{ image: "blank", sizeBytes: MIB }] });
  await appliance.sessions.enter(session, INITIATOR);
  const entered = appliance.sessions.get(session.id);
  expect(await failureOf(openAppliance({ dataFolder, purpose: "another" }))).toMatchObject({
    code: "data-folder-locked",
  });
  await appliance.close();
  const again = await openAppliance({ dataFolder, purpose: "another" });
  expect(again.sessions.get(session.id)).toEqual(entered);
  await again.close();
});
