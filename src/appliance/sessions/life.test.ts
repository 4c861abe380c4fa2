import { afterEach, beforeEach, expect, test } from "bun:test";
import { NO_TRAFFIC } from "./traffic.ts";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ImageLibrary } from "../../images/library.ts";
import { type ApplianceEvent, EventLog } from "../events.ts";
import { StateDatabase } from "../state/database.ts";
import { LAYERS_MAX } from "./life.ts";
import { type OpenSessions, openSessions } from "./open.ts";
import type { SessionRecord } from "./record.ts";

const MIB = 2 ** 20;

let folder = "";
let database: StateDatabase;
let library: ImageLibrary;
let open: OpenSessions;
let told: ApplianceEvent[] = [];

async function openAll(): Promise<void> {
  database = new StateDatabase(join(folder, "state.db"));
  library = await ImageLibrary.open(join(folder, "images"));
  const events = new EventLog();
  events.listen((event) => told.push(event));
  open = await openSessions({ folder: join(folder, "overlays"), database, library, events });
}

async function closeAll(): Promise<void> {
  await open.disks.closeAll();
  await database.close();
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "pinetboot-life-"));
  mkdirSync(join(folder, "overlays"));
  told = [];
  await openAll();
});
afterEach(async () => {
  await closeAll();
  rmSync(folder, { recursive: true });
});

const blank = (options: object = {}) =>
  open.sessions.create({ disks: [{ image: "blank", sizeBytes: 4 * MIB }], ...options });

/** Writes `byte` over 4 KiB at `at` of a disk, with a login of its own. */
async function write(session: SessionRecord, byte: number, at = 0, lun = 0): Promise<void> {
  const disks = await open.sessions.enter(open.sessions.get(session.id), "iqn.2026-01.test:one");
  disks[lun]?.layer.write(new Uint8Array(4096).fill(byte), at);
  await open.sessions.left(session.id, false);
}

async function byteAt(session: SessionRecord, at = 0, lun = 0): Promise<number | undefined> {
  const disks = await open.sessions.enter(open.sessions.get(session.id), "iqn.2026-01.test:one");
  const bytes = new Uint8Array(512);
  await disks[lun]?.layer.read(bytes, at);
  await open.sessions.left(session.id, false);
  return bytes[0];
}

function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

const files = () => readdirSync(join(folder, "overlays"));

test("a reset disk begins with nothing written, and its old file is gone", async () => {
  const session = await blank();
  await write(session, 7);
  const [before] = files();
  await open.life.reset(session.id);
  expect(files()).not.toContain(before);
  expect(await byteAt(session)).toBe(0);
  expect(open.sessions.get(session.id).iqn).toBe(session.iqn);
});

test("a snapshot holds what was there, and a restore brings it back over a restart", async () => {
  const session = await blank();
  await write(session, 1);
  await open.life.snapshot(session.id, { name: "one" });
  await write(session, 2);
  await closeAll();
  await openAll();
  expect(await byteAt(session)).toBe(2);
  await open.life.restore(session.id, "one");
  expect(await byteAt(session)).toBe(1);
  await write(session, 3, 8192);
  expect(await byteAt(session)).toBe(1);
  await open.life.restore(session.id, "one");
  expect(await byteAt(session, 8192)).toBe(0);
});

test("a snapshot survives a reset and goes with its last user", async () => {
  const session = await blank();
  await write(session, 1);
  await open.life.snapshot(session.id, { name: "one" });
  await write(session, 2);
  await open.life.reset(session.id);
  expect(await byteAt(session)).toBe(0);
  await open.life.restore(session.id, "one");
  expect(await byteAt(session)).toBe(1);
  await open.life.removeSnapshot(session.id, "one");
  expect(await byteAt(session)).toBe(1);
  expect(files()).toHaveLength(2);
  await open.life.reset(session.id);
  expect(files()).toEqual([]);
});

test("all disks of a session are taken at one moment and brought back together", async () => {
  const session = await open.sessions.create({
    disks: [
      { image: "blank", sizeBytes: MIB },
      { image: "blank", sizeBytes: MIB },
    ],
  });
  await write(session, 1, 0, 0);
  await write(session, 2, 0, 1);
  await open.life.snapshot(session.id, { name: "one" });
  await write(session, 9, 0, 1);
  await open.life.restore(session.id, "one");
  expect([await byteAt(session, 0, 0), await byteAt(session, 0, 1)]).toEqual([1, 2]);
});

test("a branch begins with the content of its source, and neither sees what the other writes", async () => {
  const session = await blank();
  await write(session, 1);
  const branch = await open.life.branch(session.id);
  expect(branch).toMatchObject({ branchOf: session.id });
  expect(branch.iqn).not.toBe(session.iqn);
  await write(branch, 2);
  await write(session, 3, 8192);
  expect([await byteAt(session), await byteAt(branch)]).toEqual([1, 2]);
  expect(await byteAt(branch, 8192)).toBe(0);
  await open.sessions.remove(session.id);
  expect(await byteAt(branch)).toBe(2);
  await open.life.reset(branch.id);
  expect(files()).toEqual([]);
});

test("a branch of a snapshot can be made and used while its source is in use", async () => {
  const session = await blank();
  await write(session, 1);
  await open.life.snapshot(session.id, { name: "one" });
  await open.sessions.enter(open.sessions.get(session.id), "iqn.2026-01.test:one");
  const branch = await open.life.branch(session.id, { snapshot: "one" });
  expect(await byteAt(branch)).toBe(1);
  await open.sessions.left(session.id, false);
});

test("nothing but a live snapshot is done while an initiator is logged in, and the refusal names it", async () => {
  const session = await blank();
  await open.sessions.enter(session, "iqn.2026-01.test:one");
  open.sessions.live = {
    trafficOf: () => NO_TRAFFIC,
    initiatorsOf: () => [{ name: "iqn.2026-01.test:host", address: "10.0.0.7" }],
    disconnect: () => Promise.resolve(),
  };
  for (const refused of [
    open.life.reset(session.id),
    open.life.snapshot(session.id),
    open.life.branch(session.id),
    open.life.restore(session.id, "none"),
  ])
    expect(await failureOf(refused)).toMatchObject({
      code: "in-use",
      message: `Session ${session.id} is logged in from 10.0.0.7 (iqn.2026-01.test:host)`,
      fix: expect.stringContaining("Log out there first"),
    });
  await open.sessions.left(session.id, false);
});

test("a live snapshot is taken under the initiator, which goes on writing to what lies above it", async () => {
  const session = await blank();
  const [disk] = await open.sessions.enter(session, "iqn.2026-01.test:one");
  if (!disk) throw new Error("no disk");
  for (let round = 1; round <= 3; round += 1) {
    disk.layer.write(new Uint8Array(4096).fill(round), 0);
    const snapshot = await open.life.snapshot(session.id, { live: true });
    expect(snapshot).toMatchObject({ name: `snapshot-${round}`, live: true });
    disk.layer.write(new Uint8Array(4096).fill(100 + round), 0);
    const now = new Uint8Array(512);
    await disk.layer.read(now, 0);
    expect(now[0]).toBe(100 + round);
    const branch = await open.life.branch(session.id, { snapshot: snapshot.name });
    expect(await byteAt(branch)).toBe(round);
  }
  await disk.layer.flush();
  await open.sessions.left(session.id, false);
  expect(await byteAt(session)).toBe(103);
  await open.life.restore(session.id, "snapshot-2");
  expect(await byteAt(session)).toBe(2);
});

test("a session that waits while another thing is done with it finds its new files", async () => {
  const session = await blank();
  await write(session, 1);
  const [, byte] = await Promise.all([open.life.reset(session.id), byteAt(session)]);
  expect(byte).toBe(0);
});

test("snapshots end at a named depth, with what to do then", async () => {
  const session = await blank();
  for (let depth = 0; depth < LAYERS_MAX; depth += 1) {
    await write(session, depth + 1, depth * 4096);
    await open.life.snapshot(session.id);
  }
  await write(session, 99, 512 * 1024);
  expect(await failureOf(open.life.snapshot(session.id))).toMatchObject({
    code: "bad-request",
    fix: expect.stringContaining("session commit"),
  });
  for (let depth = 0; depth < LAYERS_MAX; depth += 1)
    expect(await byteAt(session, depth * 4096)).toBe(depth + 1);
}, 30_000);

test("a name that a snapshot cannot have, or that is taken, is refused", async () => {
  const session = await blank();
  await open.life.snapshot(session.id, { name: "one" });
  expect(await failureOf(open.life.snapshot(session.id, { name: "one" }))).toMatchObject({
    code: "already-exists",
  });
  expect(await failureOf(open.life.snapshot(session.id, { name: "../x" }))).toMatchObject({
    code: "bad-request",
  });
  expect(await failureOf(open.life.restore(session.id, "two"))).toMatchObject({ code: "not-found" });
});

test("a full quota refuses what needs room and nothing else, and a TRIM or more quota lets writes go on", async () => {
  const session = await blank({ quotaBytes: MIB });
  const [disk] = await open.sessions.enter(session, "iqn.2026-01.test:one");
  if (!disk) throw new Error("no disk");
  const piece = new Uint8Array(64 * 1024).fill(5);
  let written = 0;
  expect(() => {
    for (; written < 4 * MIB; written += piece.byteLength) disk.layer.write(piece, written);
  }).toThrow(expect.objectContaining({ code: "EDQUOT" }));
  expect(written).toBeGreaterThanOrEqual(MIB / 2);
  expect(open.sessions.chargedBytes(session)).toBeLessThanOrEqual(MIB);
  const back = new Uint8Array(written);
  await disk.layer.read(back, 0);
  expect(back.every((byte) => byte === 5)).toBe(true);
  // In place nothing more is needed.
  disk.layer.write(piece.fill(6), 0);
  await disk.layer.flush();
  disk.layer.discard(0, 256 * 1024);
  expect(() => disk.layer.write(piece, 2 * MIB)).not.toThrow();
  expect(() => {
    for (let at = 2 * MIB; at < 4 * MIB; at += piece.byteLength) disk.layer.write(piece, at);
  }).toThrow(expect.objectContaining({ code: "EDQUOT" }));
  await open.sessions.change(session.id, { quotaBytes: 8 * MIB });
  expect(() => {
    for (let at = 2 * MIB; at < 4 * MIB; at += piece.byteLength) disk.layer.write(piece, at);
  }).not.toThrow();
  await open.sessions.left(session.id, false);
  const words = told.map(({ detail }) => detail);
  const used = words.findIndex((line) => line.includes("has used 80 %"));
  const full = words.findIndex((line) => line.includes("has used up its quota"));
  expect(used).toBeGreaterThanOrEqual(0);
  expect(full).toBeGreaterThan(used);
  expect(words.slice(full).some((line) => line.includes("has room in its quota again"))).toBe(true);
});

test("a TRIM gives the space back to the host's file system", async () => {
  const session = await blank();
  const [disk] = await open.sessions.enter(session, "iqn.2026-01.test:one");
  disk?.layer.write(new Uint8Array(2 * MIB).fill(1), 0);
  await disk?.layer.flush();
  const before = open.sessions.allocatedBytes(session);
  disk?.layer.discard(0, 2 * MIB);
  await disk?.layer.flush();
  expect(before - open.sessions.allocatedBytes(session)).toBeGreaterThanOrEqual(2 * MIB);
  await open.sessions.left(session.id, false);
});

test("a session over an image of 16 GiB takes less than 1 MiB once it was logged in to", async () => {
  const big = join(folder, "big.img");
  writeFileSync(big, "content");
  truncateSync(big, 16 * 2 ** 30);
  rmSync(join(folder, "images"), { recursive: true });
  mkdirSync(join(folder, "images"));
  // Imported images are hashed in whole, which takes a while: this one is put there as an import leaves it.
  const id = "ab".repeat(32);
  writeFileSync(
    join(folder, "images", `${id}.json`),
    JSON.stringify({
      version: 1,
      id,
      names: ["big"],
      sizeBytes: 16 * 2 ** 30,
      importedAt: "2026-01-01T00:00:00.000Z",
      source: { label: "big.img", format: "raw" },
    }),
  );
  rmSync(big);
  writeFileSync(join(folder, "images", `${id}.img`), "content");
  truncateSync(join(folder, "images", `${id}.img`), 16 * 2 ** 30);
  await closeAll();
  await openAll();
  const session = await open.sessions.create({ disks: [{ image: "big" }] });
  expect(await byteAt(session)).toBe("c".charCodeAt(0));
  const [file = ""] = files();
  expect(statSync(join(folder, "overlays", file)).blocks * 512).toBeLessThan(MIB);
});

test("what a kill left behind is removed, and what is needed is not", async () => {
  const session = await blank();
  await write(session, 1);
  await open.life.snapshot(session.id, { name: "one" });
  await write(session, 2);
  const needed = files().toSorted();
  open.catalogue.noteLeaving("abcdefghij-0.0123456789.qcow2");
  for (const file of needed) open.catalogue.noteLeaving(file);
  writeFileSync(join(folder, "overlays", "abcdefghij-0.0123456789.qcow2"), "half");
  writeFileSync(join(folder, "overlays", ".unfinished-abcdefghij.qcow2"), "half");
  await closeAll();
  await openAll();
  expect(files().toSorted()).toEqual(needed);
  expect(await byteAt(session)).toBe(2);
});

test("orphans are files of ours that no record speaks of; a file of somebody else's is left alone", async () => {
  const session = await blank();
  await write(session, 1);
  writeFileSync(join(folder, "overlays", "zzzzzzzzzz.qcow2"), "lost");
  writeFileSync(join(folder, "overlays", "my own disk.qcow2"), "mine");
  const orphans = await open.garbage.orphans();
  expect(orphans.map(({ file }) => file)).toEqual(["zzzzzzzzzz.qcow2"]);
  await open.garbage.removeOrphans(orphans);
  expect(files()).toContain("my own disk.qcow2");
  expect(files()).not.toContain("zzzzzzzzzz.qcow2");
  expect(await byteAt(session)).toBe(1);
});

test("a disk larger than its image has its last partition grown before the first login, and after a reset again", async () => {
  const card = new Uint8Array(3 * MIB);
  const view = new DataView(card.buffer);
  view.setUint16(510, 0xaa55, true);
  view.setUint8(446 + 4, 0x83);
  view.setUint32(446 + 8, 2048, true);
  view.setUint32(446 + 12, 4096, true);
  const path = join(folder, "card.img");
  writeFileSync(path, card);
  const image = await library.import({ path }, { name: "card" });
  const session = await open.sessions.create({ disks: [{ image: "card", sizeBytes: 8 * MIB }] });
  const sectors = async (): Promise<number> => {
    const [disk] = await open.sessions.enter(open.sessions.get(session.id), "iqn.2026-01.test:one");
    const sector = new Uint8Array(512);
    await disk?.layer.read(sector, 0);
    await open.sessions.left(session.id, false);
    return new DataView(sector.buffer).getUint32(446 + 12, true);
  };
  expect(await sectors()).toBe(7 * 2048);
  await open.life.reset(session.id);
  expect(await sectors()).toBe(7 * 2048);
  expect(new Bun.CryptoHasher("sha256").update(card).digest("hex")).toBe(image.id);
});

test("a layer that a live snapshot has just frozen is left alone until it is on stable storage", async () => {
  const session = await blank();
  await open.sessions.enter(session, "iqn.2026-01.test:one");
  const taking = open.life.snapshot(session.id, { name: "one", live: true });
  while (open.life.snapshots(session.id).length === 0) await Bun.sleep(0);
  const [{ luns: [lun] } = { luns: [] }] = open.life.snapshots(session.id);
  const links = open.disks.linksOfLayer("blank", lun?.layer ?? null);
  const early = failureOf(open.disks.mendBeneath(links));
  await taking;
  expect(await early).toMatchObject({ code: "in-use" });
  expect(await failureOf(open.disks.mendBeneath(links))).toBeUndefined();
  await open.sessions.left(session.id, true);
});

test("a journal that a kill left beside a closed layer goes at the next opening", async () => {
  const session = await blank();
  await write(session, 1);
  await open.life.snapshot(session.id, { name: "one" });
  const [layer = ""] = files();
  writeFileSync(join(folder, "overlays", `${layer}.journal`), "left");
  expect(await byteAt(session)).toBe(1);
  expect(files().filter((name) => name.endsWith(".journal"))).toEqual([]);
});
