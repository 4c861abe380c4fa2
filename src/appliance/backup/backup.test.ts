import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { openAppliance } from "../appliance.ts";
import type { SessionRecord } from "../sessions/record.ts";
import { backupFolder, restoreFolder } from "./backup.ts";
import { decodePax, encodePax } from "./tar-header.ts";

const MIB = 2 ** 20;
const ONE = "iqn.2026-01.test:one";

let folder = "";
let data = "";
let archive = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pinetboot-backup-"));
  data = join(folder, "data");
  archive = join(folder, "backup.tar");
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A folder with an image, a session over it that wrote, and a snapshot. */
async function fill(): Promise<SessionRecord> {
  const appliance = await openAppliance({ dataFolder: data, purpose: "a test" });
  const path = join(folder, "base.img");
  writeFileSync(path, new Uint8Array(MIB).fill(1));
  truncateSync(path, 64 * MIB);
  await appliance.library.import({ path }, { name: "base" });
  const session = await appliance.sessions.create({ disks: [{ image: "base" }] });
  const [disk] = await appliance.sessions.enter(session, ONE);
  disk?.layer.write(new Uint8Array(4096).fill(2), 8 * MIB);
  await appliance.life.snapshot(session.id, { name: "clean", live: true });
  disk?.layer.write(new Uint8Array(4096).fill(3), 8 * MIB);
  await appliance.sessions.left(session.id, true);
  const kept = appliance.sessions.get(session.id);
  await appliance.close();
  return kept;
}

function refusalOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "done",
    (error: unknown) => error,
  );
}

test("a restored folder is the one that was backed up, to the last byte and secret", async () => {
  const session = await fill();
  const done = await backupFolder({ dataFolder: data, path: archive });
  expect(done.sizeBytes).toBeLessThan(4 * MIB);
  expect(statSync(archive).mode & 0o777).toBe(0o600);
  const other = join(folder, "other");
  await restoreFolder({ path: archive, dataFolder: other });
  expect(existsSync(`${other}.restoring`)).toBe(false);
  const again = await openAppliance({ dataFolder: other, purpose: "a test" });
  expect(again.sessions.get(session.id)).toEqual(session);
  const byte = async (): Promise<number | undefined> => {
    const [disk] = await again.sessions.enter(again.sessions.get(session.id), ONE);
    const bytes = new Uint8Array(512);
    await disk?.layer.read(bytes, 8 * MIB);
    await again.sessions.left(session.id, true);
    return bytes[0];
  };
  expect(await byte()).toBe(3);
  await again.life.restore(session.id, "clean");
  expect(await byte()).toBe(2);
  const { id } = again.library.get("base");
  const image = again.library.pathOf(id);
  expect(new Bun.CryptoHasher("sha256").update(readFileSync(image)).digest("hex")).toBe(id);
  expect(statSync(image).blocks * 512).toBeLessThan(2 * MIB);
  expect(statSync(image).mode & 0o777).toBe(0o444);
  await again.close();
});

test("a folder in use is not backed up, and the refusal says who uses it", async () => {
  await fill();
  const appliance = await openAppliance({ dataFolder: data, purpose: "pinetboot serve" });
  expect(await refusalOf(backupFolder({ dataFolder: data, path: archive }))).toMatchObject({
    code: "data-folder-locked",
    message: expect.stringContaining("pinetboot serve"),
  });
  await appliance.close();
  expect(existsSync(archive)).toBe(false);
});

test("neither a backup nor a folder is overwritten", async () => {
  await fill();
  writeFileSync(archive, "precious");
  expect(await refusalOf(backupFolder({ dataFolder: data, path: archive }))).toMatchObject({
    code: "already-exists",
  });
  await backupFolder({ dataFolder: data, path: archive, replace: true });
  expect(await refusalOf(restoreFolder({ path: archive, dataFolder: data }))).toMatchObject({
    code: "already-exists",
  });
  expect(await refusalOf(backupFolder({ dataFolder: data, path: join(data, "b.tar") }))).toMatchObject({
    code: "bad-request",
  });
  expect(await refusalOf(backupFolder({ dataFolder: join(folder, "none"), path: archive }))).toMatchObject({
    code: "not-found",
  });
});

test("a backup that is cut off or changed anywhere is refused, and no folder is left", async () => {
  await fill();
  await backupFolder({ dataFolder: data, path: archive });
  const whole = readFileSync(archive);
  const other = join(folder, "other");
  const broken = join(folder, "broken.tar");
  const isRefused = async (bytes: Uint8Array): Promise<void> => {
    writeFileSync(broken, bytes);
    expect(await refusalOf(restoreFolder({ path: broken, dataFolder: other }))).toMatchObject({
      code: "bad-request",
    });
    expect(readdirSync(folder).filter((name) => name.startsWith("other"))).toEqual([]);
  };
  for (const part of [0, 0.1, 0.5, 0.9])
    await isRefused(whole.subarray(0, Math.floor(whole.byteLength * part)));
  // The last block of content: sums come after it.
  for (const at of [300, 2048, Math.floor(whole.byteLength / 2)]) {
    const changed = Buffer.from(whole);
    changed[at] = (changed[at] ?? 0) ^ 1;
    await isRefused(changed);
  }
}, 30_000);

test("an archive that names a file outside the folder is refused", async () => {
  await fill();
  await backupFolder({ dataFolder: data, path: archive });
  const text = readFileSync(archive).toString("latin1");
  const from = "path=pinetboot.db\n";
  expect(text).toContain(from);
  const to = "path=../inetboot.db\n".slice(0, from.length - 1).concat("\n");
  writeFileSync(archive, Buffer.from(text.replace(from, to), "latin1"));
  expect(await refusalOf(restoreFolder({ path: archive, dataFolder: join(folder, "other") }))).toMatchObject({
    code: "bad-request",
    message: expect.stringContaining("names a file"),
  });
});

test("something that is no backup is refused", async () => {
  writeFileSync(archive, new Uint8Array(4096).fill(7));
  expect(await refusalOf(restoreFolder({ path: archive, dataFolder: data }))).toMatchObject({
    code: "bad-request",
  });
  mkdirSync(data);
  expect(await refusalOf(restoreFolder({ path: join(folder, "none"), dataFolder: data }))).toMatchObject({
    code: "bad-request",
  });
});

test("files of somebody else's are left out and named", async () => {
  await fill();
  writeFileSync(join(data, "overlays", "my own disk.img"), "mine");
  expect(await backupFolder({ dataFolder: data, path: archive })).toMatchObject({
    leftOut: ["overlays/my own disk.img"],
  });
});

test("GNU tar unpacks a backup, holes and all", async () => {
  await fill();
  await backupFolder({ dataFolder: data, path: archive });
  const out = join(folder, "out");
  mkdirSync(out);
  expect(Bun.spawnSync(["tar", "-xf", archive, "-C", out]).exitCode).toBe(0);
  const image = readdirSync(join(out, "images")).find((name) => name.endsWith(".img")) ?? "";
  const bytes = readFileSync(join(out, "images", image));
  expect(`${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}.img`).toBe(image);
  expect(statSync(join(out, "images", image)).blocks * 512).toBeLessThan(2 * MIB);
});

test("pax records come back as they were", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.stringMatching(/^[A-Za-z.]{1,20}$/), fc.string({ maxLength: 200 }), {
        noNullPrototype: true,
      }),
      (records) => {
        const map = new Map(Object.entries(records));
        expect(decodePax(encodePax(map))).toEqual(map);
      },
    ),
  );
});
