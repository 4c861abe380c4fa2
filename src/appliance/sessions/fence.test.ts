/** After a loss of power of this computer nobody goes on with a disk as if what it had not flushed were there. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loseOverlayPower } from "../../../test/support/lost-power.ts";
import { ImageLibrary } from "../../images/library.ts";
import { EventLog } from "../events.ts";
import { StateDatabase } from "../state/database.ts";
import type { SessionDisks } from "./disks.ts";
import { INITIATORS_PER_SESSION_MAX } from "./initiators.ts";
import type { SessionLife } from "./life.ts";
import { openSessions } from "./open.ts";
import type { SessionRecord } from "./record.ts";
import type { SessionService } from "./service.ts";

const MIB = 2 ** 20;
const ONE = "iqn.2026-01.test:one";
const OTHER = "iqn.2026-01.test:other";
const PI = "8d3fa2c1";

interface Computer {
  readonly folder: string;
  readonly database: StateDatabase;
  readonly disks: SessionDisks;
  readonly events: EventLog;
  readonly sessions: SessionService;
  readonly life: SessionLife;
}

let root = "";
let runs: Computer[] = [];

async function start(folder: string): Promise<Computer> {
  const database = new StateDatabase(join(folder, "state.db"));
  const library = await ImageLibrary.open(join(folder, "images"));
  const events = new EventLog();
  const { sessions, disks, life } = await openSessions({ folder, database, library, events });
  const computer = { folder, database, disks, events, sessions, life };
  runs.push(computer);
  return computer;
}

/** The same files as another process finds them, while nobody closes those of the first. */
async function afterKill({ folder }: Computer): Promise<Computer> {
  const copy = join(root, String(runs.length));
  cpSync(folder, copy, { recursive: true });
  return start(copy);
}

async function afterPowerLoss(computer: Computer, ...overlays: SessionRecord[]): Promise<Computer> {
  const copy = join(root, String(runs.length));
  cpSync(computer.folder, copy, { recursive: true });
  for (const { luns } of overlays) for (const { overlay } of luns) loseOverlayPower(join(copy, overlay));
  return start(copy);
}

const refusal = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "let in",
    (error: unknown) => error,
  );

const FENCED = { code: "fenced", fix: expect.stringContaining("pinetboot session unfence") };

let computer: Computer;
let session: SessionRecord;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "pinetboot-fence-"));
  runs = [];
  const folder = join(root, "first");
  cpSync(mkdtempSync(join(root, "empty-")), folder, { recursive: true });
  computer = await start(folder);
  session = await computer.sessions.create({ disks: [{ image: "blank", sizeBytes: MIB }] });
  const [disk] = await computer.sessions.enter(session, ONE);
  disk?.layer.write(new Uint8Array(4096).fill(7), 0);
});
afterEach(async () => {
  for (const { disks, database } of runs) {
    await disks.closeAll();
    await database.close();
  }
  rmSync(root, { recursive: true });
});

const BLANK_CHOICE = {
  image: "blank",
  mode: "pivot",
  variant: "ethernet",
  persistent: true,
  readOnly: false,
} as const;

test("the initiator that used a disk when the power went is kept out, told why, and seen", async () => {
  const after = await afterPowerLoss(computer, session);
  expect(await refusal(after.sessions.enter(session, ONE))).toMatchObject(FENCED);
  expect(after.sessions.fence.fenceOf(session.id)).toEqual({ since: expect.any(Number), initiators: [ONE] });
  const told = after.events.since().filter(({ state }) => state === "fail");
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({ detail: expect.stringContaining(ONE), fix: FENCED.fix });
  // Names are compared without regard to case (RFC 7143 section 4.2.7.1).
  expect(await refusal(after.sessions.enter(session, ONE.toUpperCase()))).toMatchObject(FENCED);
});

test("the disk is closed after a refusal, and another initiator may use it", async () => {
  const after = await afterPowerLoss(computer, session);
  await refusal(after.sessions.enter(session, ONE));
  expect(after.disks.isOpen(session.id)).toBe(false);
  await after.sessions.enter(session, OTHER);
  expect(await refusal(after.sessions.enter(session, ONE))).toMatchObject(FENCED);
});

test("after a kill of the server alone everyone goes on: nothing was lost", async () => {
  const after = await afterKill(computer);
  const [disk] = await after.sessions.enter(session, ONE);
  const bytes = new Uint8Array(1);
  await disk?.layer.read(bytes, 0);
  expect(bytes[0]).toBe(7);
  expect(after.sessions.fence.fenceOf(session.id)).toBeNull();
});

test("a kill and then a loss of power, before anyone came back, still keeps the initiator out", async () => {
  const killed = await afterKill(computer);
  await killed.sessions.enter(session, OTHER);
  const after = await afterPowerLoss(killed, session);
  expect(await refusal(after.sessions.enter(session, ONE))).toMatchObject(FENCED);
  expect(after.sessions.fence.fenceOf(session.id)?.initiators).toEqual([ONE, OTHER]);
});

test("a start mends and keeps out also where the journal's name was lost with the power", async () => {
  const after = await afterPowerLoss(computer, session);
  for (const { overlay } of session.luns) rmSync(join(after.folder, `${overlay}.journal`));
  await after.sessions.mend();
  expect(after.sessions.fence.fenceOf(session.id)?.initiators).toEqual([ONE]);
});

test("what a start mends is kept out too, and stays so over further kills and closings", async () => {
  const first = await afterPowerLoss(computer, session);
  await first.sessions.mend();
  const second = await afterKill(first);
  expect(await refusal(second.sessions.enter(session, ONE))).toMatchObject(FENCED);
  await second.sessions.enter(session, OTHER);
  await second.sessions.left(session.id, true);
  const third = await afterKill(second);
  expect(await refusal(third.sessions.enter(session, ONE))).toMatchObject(FENCED);
});

test("what is done with a disk after the loss of power keeps the initiator out as well", async () => {
  const verbs: readonly ((life: SessionLife) => Promise<unknown>)[] = [
    (life) => life.snapshot(session.id),
    (life) => life.branch(session.id),
    (life) => life.reset(session.id),
  ];
  for (const verb of verbs) {
    const after = await afterPowerLoss(computer, session);
    await verb(after.life);
    expect(await refusal(after.sessions.enter(session, ONE))).toMatchObject(FENCED);
  }
});

test("who left a disk that was closed properly is not kept out by a later loss of power", async () => {
  await computer.sessions.left(session.id, false);
  await computer.sessions.enter(session, OTHER);
  const after = await afterPowerLoss(computer, session);
  await after.sessions.enter(session, ONE);
  expect(await refusal(after.sessions.enter(session, OTHER))).toMatchObject(FENCED);
});

test("a person's word lets it in again, over a restart too", async () => {
  const after = await afterPowerLoss(computer, session);
  await refusal(after.sessions.enter(session, ONE));
  expect(await after.sessions.fence.lift(session)).toBe(true);
  expect(await after.sessions.fence.lift(session)).toBe(false);
  const again = await afterKill(after);
  await again.sessions.enter(session, ONE);
  expect(again.sessions.fence.fenceOf(session.id)).toBeNull();
});

test("a Pi is let in by a new boot, on all its sessions, and not by the same one", async () => {
  const ofPi = await computer.sessions.forPi(PI, BLANK_CHOICE);
  await computer.sessions.noteBoot(ofPi.id, "boot-1");
  await computer.sessions.enter(ofPi, ONE);
  const after = await afterPowerLoss(computer, ofPi, session);
  await after.sessions.mend();
  await after.sessions.noteBoot(ofPi.id, "boot-1");
  expect(await refusal(after.sessions.enter(ofPi, ONE))).toMatchObject(FENCED);
  await after.sessions.noteBoot(ofPi.id, "boot-2");
  await after.sessions.enter(ofPi, ONE);
  // A session that is not the Pi's is none of its business.
  expect(after.sessions.fence.fenceOf(session.id)).not.toBeNull();
});

test("a Pi that is given another image in the same boot stays kept out of the old one", async () => {
  const old = await computer.sessions.forPi(PI, BLANK_CHOICE);
  await computer.sessions.noteBoot(old.id, "boot-1");
  await computer.sessions.enter(old, ONE);
  const after = await afterPowerLoss(computer, old);
  await after.sessions.mend();
  const other = await after.sessions.create({ disks: [{ image: "blank", sizeBytes: MIB }] });
  after.database.sqlite.query("UPDATE sessions SET pi = ? WHERE id = ?").run(PI, other.id);
  const again = await afterKill(after);
  await again.sessions.noteBoot(other.id, "boot-1");
  expect(await refusal(again.sessions.enter(old, ONE))).toMatchObject(FENCED);
  await again.sessions.noteBoot(other.id, "boot-2");
  await again.sessions.enter(old, ONE);
});

test("a record that cannot be kept leaves the disk as it is: a later opening keeps the initiator out", async () => {
  const after = await afterPowerLoss(computer, session);
  after.database.sqlite.run("PRAGMA query_only = ON");
  expect(await refusal(after.sessions.enter(session, ONE))).not.toBe("let in");
  after.database.sqlite.run("PRAGMA query_only = OFF");
  expect(await refusal(after.sessions.enter(session, ONE))).toMatchObject(FENCED);
});

test("no more names are kept than a room of machines has, and whoever could not be kept out is not let in", async () => {
  for (let i = 1; i < INITIATORS_PER_SESSION_MAX; i += 1) {
    await computer.sessions.enter(session, `${OTHER}${i}`);
    await computer.sessions.left(session.id, false);
  }
  expect(await refusal(computer.sessions.enter(session, OTHER))).toMatchObject({ code: "in-use" });
  await computer.sessions.enter(session, ONE);
  await computer.sessions.left(session.id, true);
  await computer.sessions.left(session.id, true);
  expect(computer.disks.isOpen(session.id)).toBe(false);
  expect(await refusal(computer.sessions.enter(session, OTHER))).toBe("let in");
});
