import { Database } from "bun:sqlite";
import { beforeEach, describe, expect, test } from "bun:test";
import { MIGRATIONS } from "../state/schema.ts";
import { Keys } from "./keys.ts";

let now: number;
let sqlite: Database;
let keys: Keys;

beforeEach(() => {
  now = 1_000_000;
  sqlite = new Database(":memory:");
  for (const migration of MIGRATIONS) sqlite.run(migration);
  keys = new Keys(sqlite, () => now);
});

describe("keys", () => {
  test("a key is good until it is taken back, and a wrong one never is", () => {
    const { key, record } = keys.create("rig");
    expect(keys.isGood(key)).toBe(true);
    expect(keys.isGood(`${key}x`)).toBe(false);
    expect(keys.isGood("")).toBe(false);
    keys.remove(record.id);
    expect(keys.isGood(key)).toBe(false);
    expect(() => keys.remove(record.id)).toThrow(`no key ${record.id}`);
  });

  test("the text of a key is kept nowhere", () => {
    const { key } = keys.create("rig");
    expect(sqlite.serialize().includes(Buffer.from(key))).toBe(false);
  });

  test("the list says when each was made and used, to the minute", () => {
    const { key } = keys.create("rig\u001b[2J");
    expect(keys.list()).toMatchObject([{ name: "rig [2J", createdAt: 1_000_000, usedAt: null }]);
    now += 5_000;
    keys.isGood(key);
    now += 59_000;
    keys.isGood(key);
    expect(keys.list()).toMatchObject([{ usedAt: 1_005_000 }]);
  });
});

describe("a link", () => {
  test("lets in once", () => {
    const token = keys.createLink();
    expect(keys.useLink("other")).toBe(false);
    expect(keys.useLink(token)).toBe(true);
    expect(keys.useLink(token)).toBe(false);
  });

  test("does not work after a quarter of an hour", () => {
    const token = keys.createLink();
    now += 15 * 60_000;
    expect(keys.useLink(token)).toBe(false);
  });

  test("the oldest of too many stops working", () => {
    const tokens = Array.from({ length: 17 }, () => keys.createLink());
    expect(tokens.filter((token) => keys.useLink(token))).toEqual(tokens.slice(1));
  });
});
