import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { committedLock } from "./debian/lock-file.ts";
import { inputsKey } from "./shim-cache.ts";
import { keepSiteWifi, siteWifi } from "./site-wifi.ts";

const FILE = new TextEncoder().encode('country=GB\r\nnetwork={\r\n ssid="x"\r\n}\r\n');
let cacheDir = "";

beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), "pinetboot-site-wifi-"));
});
afterEach(() => rm(cacheDir, { recursive: true, force: true }));

test("the file of a site is kept for its owner alone, and forgotten again", async () => {
  expect(await siteWifi(cacheDir)).toBeUndefined();
  await keepSiteWifi(cacheDir, FILE);
  expect(await siteWifi(cacheDir)).toEqual(Buffer.from(FILE));
  expect((await stat(join(cacheDir, "shim/wpa_supplicant.conf"))).mode & 0o777).toBe(0o600);
  for (const dir of ["shim", "kernel"]) expect((await stat(join(cacheDir, dir))).mode & 0o777).toBe(0o700);
  await keepSiteWifi(cacheDir, undefined);
  expect(await siteWifi(cacheDir)).toBeUndefined();
});

test("a file that names no network is refused, and the one before stays", async () => {
  await keepSiteWifi(cacheDir, FILE);
  expect(keepSiteWifi(cacheDir, new TextEncoder().encode("country=GB\n"))).rejects.toThrow(
    "names no network",
  );
  expect(await siteWifi(cacheDir)).toEqual(Buffer.from(FILE));
});

test("another file makes another shim, and without one it is the common shim", () => {
  const lock = committedLock();
  expect(new Set([inputsKey(lock), inputsKey(lock, FILE), inputsKey(lock, FILE.slice(1))]).size).toBe(3);
  expect(inputsKey(lock, undefined)).toBe(inputsKey(lock));
});
