import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "../support/hash.ts";
import { poolDir } from "./apt-root.ts";
import {
  committedLock,
  currentLock,
  formatLock,
  type LockFile,
  lockInCache,
  parseLock,
} from "./lock-file.ts";
import { PackageStore, versionOfDeb } from "./package-store.ts";
import { PACKAGES } from "./packages.ts";

describe("lock.json", () => {
  test("names every package that the shim is made of, and no other", () => {
    expect(Object.keys(committedLock().packages).toSorted()).toEqual(PACKAGES.map(({ id }) => id).toSorted());
  });

  test("is written as it was read", () => {
    const lock = committedLock();
    expect(parseLock(formatLock(lock))).toEqual(lock);
  });

  test("with a sum that is none is refused", () => {
    const text = formatLock(committedLock()).replace(/"[0-9a-f]{64}"/, '"beef"');
    expect(() => parseLock(text)).toThrow();
  });
});

describe("the package store", () => {
  test("takes what is in the pool without asking a mirror", async () => {
    const cacheDir = await mkdtemp(join(tmpdir(), "pinetboot-store-"));
    try {
      const fileName = "musl-dev_9_arm64.deb";
      await Bun.write(join(poolDir(cacheDir), fileName), "a package");
      const lock: LockFile = {
        updated: "2026-01-01",
        packages: {
          "musl-dev": { package: "musl-dev", version: "9", files: { [fileName]: sha256("a package") } },
        },
      };
      const fetched = await new PackageStore({ cacheDir, lock }).fetch("musl-dev");
      expect(fetched.files.map(({ path }) => path)).toEqual([join(poolDir(cacheDir), fileName)]);
      expect(fetched).toMatchObject({ name: "musl-dev", version: "9", locked: true });
    } finally {
      await rm(cacheDir, { recursive: true });
    }
  });

  test("reads an epoch out of the name that apt gives a file", () => {
    expect(versionOfDeb("busybox-static_1%3a1.37.0-6+b9_arm64.deb")).toBe("1:1.37.0-6+b9");
  });
});

describe("the lock to build from", () => {
  let cacheDir = "";
  beforeEach(async () => {
    cacheDir = await mkdtemp(join(tmpdir(), "pinetboot-lock-"));
  });
  afterEach(async () => await rm(cacheDir, { recursive: true }));

  test("is this version's own when the cache has an older update", async () => {
    await Bun.write(lockInCache(cacheDir), formatLock({ ...committedLock(), updated: "2020-01-01" }));
    expect(await currentLock(cacheDir)).toEqual(committedLock());
  });

  test("is the update in the cache when that is younger", async () => {
    const updated = { ...committedLock(), updated: "2999-01-01" };
    await Bun.write(lockInCache(cacheDir), formatLock(updated));
    expect(await currentLock(cacheDir)).toEqual(updated);
  });
});
