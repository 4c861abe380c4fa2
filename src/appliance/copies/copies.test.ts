import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Appliance, openAppliance } from "../appliance.ts";
import type { SessionRecord } from "../sessions/record.ts";
import type { CopyJob } from "./jobs.ts";

const MIB = 2 ** 20;
const ONE = "iqn.2026-01.test:one";

let folder = "";
let appliance: Appliance;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "pinetboot-copies-"));
  appliance = await openAppliance({ dataFolder: join(folder, "data"), purpose: "a test" });
});
afterEach(async () => {
  await appliance.close();
  rmSync(folder, { recursive: true });
});

async function importBytes(bytes: Uint8Array, name: string): Promise<string> {
  const path = join(folder, `${name}.img`);
  writeFileSync(path, bytes);
  return (await appliance.library.import({ path }, { name })).id;
}

async function write(session: SessionRecord, byte: number, at: number): Promise<void> {
  const [disk] = await appliance.sessions.enter(appliance.sessions.get(session.id), ONE);
  disk?.layer.write(new Uint8Array(4096).fill(byte), at);
  await appliance.sessions.left(session.id, false);
}

/** What the job was when it had ended. */
async function ended(job: CopyJob): Promise<CopyJob> {
  while (appliance.copyJobs.get(job.id).state === "running") await Bun.sleep(5);
  return appliance.copyJobs.get(job.id);
}

function refusal(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}

const unfinished = () =>
  readdirSync(join(folder, "data", "images")).filter((name) => name.includes("unfinished"));

test("a committed image holds the whole disk, needs nothing beneath it and knows what it came from", async () => {
  const base = await importBytes(new Uint8Array(4 * MIB).fill(1), "base");
  const first = await appliance.sessions.create({ disks: [{ image: "base" }] });
  await write(first, 2, MIB);
  const one = await ended(appliance.copies.commit(first.id, { name: "one" }, () => undefined));
  expect(one).toMatchObject({ state: "done", error: null });
  const second = await appliance.sessions.create({ disks: [{ image: "one" }] });
  await write(second, 3, 2 * MIB);
  await appliance.life.snapshot(second.id, { name: "clean" });
  await write(second, 4, 3 * MIB);
  let told = 0;
  const two = await ended(
    appliance.copies.commit(second.id, { name: "two", snapshot: "clean" }, () => (told += 1)),
  );
  expect(told).toBe(1);
  const image = appliance.library.get("two");
  expect(
    image.lineage?.map(({ image: id, name, session, snapshot }) => [id, name, session, snapshot]),
  ).toEqual([
    [one.image, "one", second.id, "clean"],
    [base, "base", first.id, null],
  ]);
  const bytes = readFileSync(appliance.library.pathOf(two.image ?? ""));
  expect([bytes[0], bytes[MIB], bytes[2 * MIB], bytes[3 * MIB]]).toEqual([1, 2, 3, 1]);
  expect(new Bun.CryptoHasher("sha256").update(bytes).digest("hex")).toBe(image.id);
  expect(unfinished()).toEqual([]);
  await appliance.sessions.remove(first.id);
  await appliance.sessions.remove(second.id);
  for (const name of ["base", "one"])
    await appliance.library.remove(name, { inUse: (id) => appliance.usersOfImage(id) });
  await appliance.close();
  appliance = await openAppliance({ dataFolder: join(folder, "data"), purpose: "a test" });
  expect(appliance.library.get("two").lineage).toEqual(image.lineage);
});

test("the base of a committed session is not changed", async () => {
  const base = await importBytes(new Uint8Array(MIB).fill(1), "base");
  const session = await appliance.sessions.create({ disks: [{ image: "base" }] });
  await write(session, 2, 0);
  await ended(appliance.copies.commit(session.id, {}, () => undefined));
  const bytes = readFileSync(appliance.library.pathOf(base));
  expect(new Bun.CryptoHasher("sha256").update(bytes).digest("hex")).toBe(base);
});

test("a disk is exported whole, in each format", async () => {
  await importBytes(new Uint8Array(2 * MIB).fill(1), "base");
  const session = await appliance.sessions.create({ disks: [{ image: "base", sizeBytes: 4 * MIB }] });
  await write(session, 2, MIB);
  const path = join(folder, "out.img");
  expect(await ended(appliance.copies.exportSession(session.id, {}, { path, format: "raw" }))).toMatchObject({
    state: "done",
    path,
  });
  const raw = readFileSync(path);
  expect(raw.byteLength).toBe(4 * MIB);
  expect([raw[0], raw[MIB], raw[3 * MIB]]).toEqual([1, 2, 0]);
  expect(statSync(path).blocks * 512).toBeLessThan(3 * MIB);
  const packed = join(folder, "out.img.xz");
  expect(
    await ended(appliance.copies.exportSession(session.id, {}, { path: packed, format: "img.xz" })),
  ).toMatchObject({ state: "done" });
  expect((await appliance.library.import({ path: packed }, { name: "again" })).id).toBe(
    new Bun.CryptoHasher("sha256").update(raw).digest("hex"),
  );
});

test("a session in use is neither committed nor exported, but a snapshot of it is", async () => {
  const session = await appliance.sessions.create({ disks: [{ image: "blank", sizeBytes: MIB }] });
  const [disk] = await appliance.sessions.enter(session, ONE);
  disk?.layer.write(new Uint8Array(4096).fill(5), 0);
  expect(refusal(() => appliance.copies.commit(session.id, {}, () => undefined))).toMatchObject({
    code: "in-use",
    fix: expect.stringContaining("--live"),
  });
  const path = join(folder, "out.img");
  expect(
    refusal(() => appliance.copies.exportSession(session.id, {}, { path, format: "raw" })),
  ).toMatchObject({
    code: "in-use",
  });
  await appliance.life.snapshot(session.id, { name: "now", live: true });
  disk?.layer.write(new Uint8Array(4096).fill(6), 0);
  const job = appliance.copies.exportSession(session.id, { snapshot: "now" }, { path, format: "raw" });
  // The files stay for as long as they are read.
  await appliance.life.removeSnapshot(session.id, "now");
  expect(await ended(job)).toMatchObject({ state: "done" });
  expect(readFileSync(path)[0]).toBe(5);
  await appliance.sessions.left(session.id, true);
});

test("whoever logs in while a disk is copied is refused at once and told why", async () => {
  await importBytes(new Uint8Array(MIB).fill(1), "base");
  const session = await appliance.sessions.create({ disks: [{ image: "base" }] });
  const job = appliance.copies.commit(session.id, {}, () => undefined);
  await Bun.sleep(0);
  const words = await appliance.sessions.enter(session, ONE).then(
    () => "let in",
    (error: unknown) => String(error),
  );
  expect(words).toContain("is being committed");
  await ended(job);
  await appliance.sessions.enter(session, ONE);
  await appliance.sessions.left(session.id, true);
});

test("a file that is there is not overwritten unless that is said", async () => {
  await importBytes(new Uint8Array(MIB).fill(1), "base");
  const path = join(folder, "precious");
  writeFileSync(path, "precious");
  expect(refusal(() => appliance.copies.exportImage("base", { path, format: "raw" }))).toMatchObject({
    code: "already-exists",
  });
  expect(readFileSync(path, "utf8")).toBe("precious");
  await ended(appliance.copies.exportImage("base", { path, format: "raw", replace: true }));
  expect(readFileSync(path)[0]).toBe(1);
});

test("a cancelled copy leaves nothing behind, and the session can be used again", async () => {
  const session = await appliance.sessions.create({ disks: [{ image: "blank", sizeBytes: 2 ** 36 }] });
  await write(session, 1, 2 ** 35);
  const job = appliance.copies.commit(session.id, { name: "never" }, () => undefined);
  await appliance.copyJobs.cancel(job.id);
  expect(await ended(job)).toMatchObject({ state: "failed", error: { message: "It was cancelled" } });
  expect(unfinished()).toEqual([]);
  expect(appliance.library.find("never")).toBeUndefined();
  await write(session, 2, 0);
});

test("what removing gives back is told apart from what others need", async () => {
  await importBytes(new Uint8Array(2 * MIB).fill(1), "base");
  await importBytes(new Uint8Array(MIB).fill(2), "alone");
  const session = await appliance.sessions.create({ disks: [{ image: "base" }] });
  await write(session, 3, 0);
  const branch = await appliance.life.branch(session.id);
  await write(branch, 4, 0);
  const { rows, totalBytes, host } = await appliance.usage();
  const row = (id: string) => rows.find((candidate) => candidate.name === id || candidate.id === id);
  expect(row("base")).toMatchObject({ exclusiveBytes: 0, sharedBytes: 2 * MIB, users: 2 });
  expect(row("alone")).toMatchObject({ exclusiveBytes: MIB, sharedBytes: 0, users: 0 });
  expect(row(branch.id)?.exclusiveBytes).toBeGreaterThan(0);
  expect(row(branch.id)?.exclusiveBytes).toBeLessThan(MIB / 2);
  expect(row(session.id)?.sharedBytes).toBeGreaterThan(2 * MIB);
  const exclusive = rows.reduce((sum, { exclusiveBytes }) => sum + exclusiveBytes, 0);
  expect(totalBytes).toBeGreaterThan(exclusive + 2 * MIB - 1);
  expect(host.freeBytes).toBeGreaterThan(0);
});

test("garbage is shown and then removed; what a session or a name needs is not", async () => {
  const used = await importBytes(new Uint8Array(MIB).fill(1), "used");
  const named = await importBytes(new Uint8Array(MIB).fill(2), "named");
  const nobody = await importBytes(new Uint8Array(MIB).fill(3), "nobody");
  const session = await appliance.sessions.create({ disks: [{ image: "used" }] });
  await write(session, 4, 0);
  await appliance.life.snapshot(session.id);
  await appliance.library.removeName("used");
  await appliance.library.removeName("nobody");
  const lost = join(folder, "data", "overlays", "lostlostlo.qcow2");
  writeFileSync(lost, new Uint8Array(8192));
  const shown = await appliance.collectGarbage({ dryRun: true });
  expect(shown.map(({ kind, name }) => `${kind} ${name}`).toSorted()).toEqual([
    "file overlays/lostlostlo.qcow2",
    `image ${nobody}`,
  ]);
  expect(existsSync(lost)).toBe(true);
  expect(await appliance.collectGarbage({ dryRun: false })).toEqual(shown);
  expect(existsSync(lost)).toBe(false);
  expect(appliance.library.list().map(({ id }) => id)).toEqual(["blank", used, named]);
  expect(await appliance.collectGarbage({ dryRun: false })).toEqual([]);
  await write(session, 5, 0);
});
