/** Data folders as earlier versions left them, committed as they were: this one opens them and nothing is lost. */
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openAppliance } from "../../src/appliance/index.ts";
import { SCHEMA_VERSION } from "../../src/appliance/state/schema.ts";
import { temporaryFolder } from "../support/pinetboot.ts";

const FIXTURES = join(import.meta.dir, "fixtures");
const ONE = "iqn.2026-01.test:one";

let folder = temporaryFolder("older");
let data = "";
beforeEach(() => {
  folder = temporaryFolder("older");
  data = join(folder.path, "data");
});
afterEach(() => folder.dispose());

function unpack(schema: number): void {
  mkdirSync(data);
  const archive = join(FIXTURES, `data-folder-of-schema-${schema}.tar.gz`);
  expect(Bun.spawnSync(["tar", "-xzf", archive, "-C", data]).exitCode).toBe(0);
}

test("a folder of schema 1 keeps its sessions, their secrets and what was written", async () => {
  unpack(1);
  const appliance = await openAppliance({ dataFolder: data, purpose: "a test" });
  try {
    const session = appliance.sessions.get("3rogkt8t9m");
    expect(session).toMatchObject({
      iqn: "iqn.2026-01.net.pinetboot:3rogkt8t9m",
      chapUser: "user-3rogkt8t9m",
      chapSecret: "LrhPyYzoWta2hwBW",
      naa: "305d73e87a522f3c",
      persistent: true,
      quotaBytes: null,
      suspendedAt: null,
      branchOf: null,
    });
    // Its time was a day of 2026, and it is suspended or removed by what its record says from now on.
    expect(appliance.sessions.get("mbodldpk3u")).toMatchObject({ persistent: false, ttlMs: 3_600_000 });
    const byteAt = async (at: number): Promise<number | undefined> => {
      const [disk] = await appliance.sessions.enter(appliance.sessions.get(session.id), ONE);
      const bytes = new Uint8Array(512);
      await disk?.layer.read(bytes, at);
      await appliance.sessions.left(session.id, true);
      return bytes[0];
    };
    expect([await byteAt(0), await byteAt(4096), await byteAt(512 * 1024)]).toEqual([7, 9, 0]);
    await appliance.life.snapshot(session.id, { name: "after" });
    await appliance.life.reset(session.id);
    expect(await byteAt(4096)).toBe(7);
    await appliance.life.restore(session.id, "after");
    expect(await byteAt(4096)).toBe(9);
  } finally {
    await appliance.close();
  }
  const database = new Database(join(data, "pinetboot.db"), { readonly: true });
  expect(database.query("PRAGMA user_version").get()).toEqual({ user_version: SCHEMA_VERSION });
  expect(database.query("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
  expect(database.query("PRAGMA foreign_key_check").all()).toEqual([]);
  database.close();
});
