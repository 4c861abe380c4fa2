import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StateDatabase } from "./database.ts";
import { lockHolder, takeFolderLock } from "./folder-lock.ts";
import { SqliteLeaseStore } from "./lease-store.ts";
import { SCHEMA_VERSION } from "./schema.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pinetboot-state-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("a database of a newer pinetboot is refused and left as it is", async () => {
  const path = join(folder, "pinetboot.db");
  await new StateDatabase(path).close();
  const newer = new Database(path);
  newer.run(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
  newer.close();
  expect(() => new StateDatabase(path)).toThrow("newer pinetboot");
  const after = new Database(path);
  expect(after.query("PRAGMA user_version").get()).toEqual({ user_version: SCHEMA_VERSION + 1 });
  after.close();
});

test("what was committed is there after another opening", async () => {
  const path = join(folder, "pinetboot.db");
  const lease = {
    address: "10.0.0.5",
    mac: "dc:a6:32:01:36:c2",
    clientId: "01",
    hostname: undefined,
    expiresAtMs: 7,
  };
  const first = new StateDatabase(path);
  new SqliteLeaseStore(first.sqlite).put(lease);
  await first.syncToDisk();
  await first.close();
  const second = new StateDatabase(path);
  const leases = new SqliteLeaseStore(second.sqlite);
  expect(leases.list()).toEqual([lease]);
  expect(leases.macOf("10.0.0.5")).toBe(lease.mac);
  leases.remove("10.0.0.5");
  expect(leases.list()).toEqual([]);
  await second.close();
});

test("a long log is folded into the database by the Worker", async () => {
  const path = join(folder, "pinetboot.db");
  const database = new StateDatabase(path);
  database.sqlite.run("CREATE TABLE filler (bytes BLOB)");
  for (let round = 0; round < 6; round++)
    database.sqlite.run("INSERT INTO filler VALUES (zeroblob(1048576))");
  expect(Bun.file(`${path}-wal`).size).toBeGreaterThan(6 * 2 ** 20);
  await database.checkpointIfLong();
  expect(Bun.file(`${path}-wal`).size).toBe(0);
  expect(database.sqlite.query("SELECT count(*) AS n FROM filler").get()).toEqual({ n: 6 });
  await database.close();
});

test("a folder that is in use names who uses it, and is free again afterwards", () => {
  const path = join(folder, "lock");
  const lock = takeFolderLock(path, "pinetboot serve");
  expect(() => takeFolderLock(path, "pinetboot image import")).toThrow(
    `process ${process.pid} (pinetboot serve)`,
  );
  expect(lockHolder(path)).toEqual({ pid: process.pid, purpose: "pinetboot serve" });
  lock.release();
  takeFolderLock(path, "pinetboot image import").release();
});

test("a lock file that a killed process left is no lock", () => {
  const path = join(folder, "lock");
  writeFileSync(path, JSON.stringify({ pid: 1, purpose: "pinetboot serve" }));
  takeFolderLock(path, "pinetboot serve").release();
});
