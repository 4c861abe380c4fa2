/** Where finished bundles lie in the cache, and under which name. */
import { cp, mkdir, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FIRMWARE_FILES } from "./firmware/raspi-firmware.ts";
import { WIFI_FIRMWARE } from "./firmware/wifi-firmware.ts";
import { DEVICE_TREES } from "./boards/device-trees.ts";
import { formatLock, type LockFile } from "./debian/lock-file.ts";
import { kernelInputs } from "./kernel/compile.ts";
import { PACK_RECIPE } from "./modules/pack.ts";
import { ALSO_FOR_TESTS, TEST_MODULES, WIFI_MODULES } from "./modules/sets.ts";
import { SPI_PACK_INPUTS } from "./eeprom/spi-pack.ts";
import { OVERLAYS } from "./overlays/overlays.ts";
import { sha256 } from "./support/hash.ts";
import { initramfsInputs } from "./userland/build.ts";

/** To be raised when the code of the build changes what comes out of the same inputs. */
const RECIPE = 3;

/** Bundles kept: this version's and the last ones before it, for those who change branches. */
const KEPT_BUNDLES = 3;

const BUNDLE = "shim.tar";

/** In the same folder, until the whole one is there: what boots a Pi with Ethernet without modules. */
const FIRST_BUNDLE = "first.tar";

/** Beside the bundle: a folder to be laid over a root, with the kernel's modules that only tests load. */
const TEST_ROOT = "test-root";

/** Hash of all that a bundle is made from. The same inputs give the same bundle, on any machine. */
export function inputsKey(lock: LockFile, siteWifi?: Uint8Array): string {
  const inputs = [
    String(RECIPE),
    formatLock(lock),
    ...kernelInputs(),
    ...initramfsInputs(),
    ...OVERLAYS.flatMap(({ name, source }) => [name, source]),
    JSON.stringify(DEVICE_TREES),
    JSON.stringify([FIRMWARE_FILES, WIFI_FIRMWARE]),
    JSON.stringify(SPI_PACK_INPUTS),
    JSON.stringify([PACK_RECIPE, WIFI_MODULES, TEST_MODULES, ALSO_FOR_TESTS]),
  ];
  if (siteWifi !== undefined) inputs.push(sha256(siteWifi));
  return sha256(JSON.stringify(inputs)).slice(0, 24);
}

/** Folder of all bundles, of the builder's lock and of what it works on. */
export function shimsDir(cacheDir: string): string {
  return join(cacheDir, "shim");
}

/** Path of the bundle with these inputs, whether it is there or not. */
export function bundlePath(cacheDir: string, key: string): string {
  return join(shimsDir(cacheDir), key, BUNDLE);
}

/**
 * Puts a finished bundle into the cache in one step, and removes the oldest of the others.
 *
 * @param testRoot folder of what belongs beside it for tests; copied
 */
export async function storeBundle(
  cacheDir: string,
  key: string,
  tar: Uint8Array,
  testRoot?: string,
): Promise<string> {
  const path = bundlePath(cacheDir, key);
  const arriving = `${path}.${process.pid}.arriving`;
  const dir = join(shimsDir(cacheDir), key);
  await mkdir(dir, { recursive: true });
  if (testRoot !== undefined) {
    await rm(join(dir, TEST_ROOT), { recursive: true, force: true });
    await cp(testRoot, join(dir, TEST_ROOT), { recursive: true });
  }
  // It may hold a site's WiFi password.
  await writeFile(arriving, tar, { mode: 0o600 });
  await rename(arriving, path);
  await rm(join(dir, FIRST_BUNDLE), { force: true });
  await removeOldBundles(cacheDir);
  return path;
}

/** Puts the bundle without modules into the cache; the whole one takes its place. It holds no secret of a site. */
export async function storeFirstBundle(cacheDir: string, key: string, tar: Uint8Array): Promise<string> {
  const path = join(shimsDir(cacheDir), key, FIRST_BUNDLE);
  await mkdir(join(shimsDir(cacheDir), key), { recursive: true });
  // Read by a server that is not root any more, while the builder still is.
  await writeFile(`${path}.arriving`, tar, { mode: 0o644 });
  await rename(`${path}.arriving`, path);
  return path;
}

/** Marks a bundle as used today: the longest unused ones are removed first. */
export async function touchBundle(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now);
}

async function removeOldBundles(cacheDir: string): Promise<void> {
  const dir = shimsDir(cacheDir);
  const names = (await readdir(dir)).filter((name) => /^[0-9a-f]{24}$/.test(name));
  const aged = await Promise.all(
    names.map(async (name) => {
      const used = await stat(join(dir, name, BUNDLE)).catch(() => undefined);
      return { name, usedMs: used?.mtimeMs ?? 0 };
    }),
  );
  const old = aged.toSorted((a, b) => b.usedMs - a.usedMs).slice(KEPT_BUNDLES);
  for (const { name } of old) await rm(join(dir, name), { recursive: true, force: true });
}
