import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheFolder } from "./cache.ts";
import { committedLock } from "./debian/lock-file.ts";
import { findShim } from "./find-shim.ts";
import { bundlePath, inputsKey, shimsDir, storeBundle, storeFirstBundle } from "./shim-cache.ts";

describe("the cache of bundles", () => {
  let cacheDir = "";
  beforeEach(async () => {
    cacheDir = await mkdtemp(join(tmpdir(), "pinetboot-cache-"));
  });
  afterEach(async () => await rm(cacheDir, { recursive: true }));

  test("has another key for another version of any package", () => {
    const lock = committedLock();
    const keys = Object.entries(lock.packages).map(([id, locked]) =>
      inputsKey({ ...lock, packages: { ...lock.packages, [id]: { ...locked, version: "other" } } }),
    );
    expect(new Set([...keys, inputsKey(lock)]).size).toBe(keys.length + 1);
  });

  test("has nothing to give before the first build", async () => {
    expect(await findShim({ cacheDir })).toBeUndefined();
  });

  test("says how to get out of it when its bundle is damaged", async () => {
    await storeBundle(cacheDir, inputsKey(committedLock()), new Uint8Array(100));
    const error: unknown = await findShim({ cacheDir }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "bad-bundle", fix: "pinetboot shim build" });
  });

  test("has the bundle without modules until the whole one is there, and never finds it as the shim", async () => {
    const key = inputsKey(committedLock());
    const first = await storeFirstBundle(cacheDir, key, new Uint8Array(100));
    expect(await findShim({ cacheDir })).toBeUndefined();
    expect(await Bun.file(first).exists()).toBe(true);
    await storeBundle(cacheDir, key, new Uint8Array(100));
    expect(await Bun.file(first).exists()).toBe(false);
  });

  test("keeps the last few bundles and removes older ones", async () => {
    const keys = ["a", "b", "c", "d"].map((letter) => letter.repeat(24));
    for (const [used, key] of keys.entries()) {
      const path = await storeBundle(cacheDir, key, new Uint8Array(1));
      await utimes(path, used, used);
    }
    expect((await readdir(shimsDir(cacheDir))).toSorted()).toEqual(keys.slice(1));
    expect(await Bun.file(bundlePath(cacheDir, keys[3] ?? "")).exists()).toBe(true);
  });
});

test("the cache folder follows XDG, and ignores a relative one as XDG asks", () => {
  expect(cacheFolder({ XDG_CACHE_HOME: "/var/cache/me", HOME: "/home/me" })).toBe("/var/cache/me/pinetboot");
  expect(cacheFolder({ XDG_CACHE_HOME: "cache", HOME: "/home/me" })).toBe("/home/me/.cache/pinetboot");
  expect(cacheFolder({ HOME: "/home/me" })).toBe("/home/me/.cache/pinetboot");
});
