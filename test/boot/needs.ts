/** What every boot test needs from the machine and from the cache. */
import { cacheFolder, ensureShim } from "../../src/shim/index.ts";

export const BOOT_TEST_NEEDS = [
  "root",
  "dnsmasq",
  "qemu-system-aarch64",
  "qemu-img",
  "fdtoverlay",
  "mmdebstrap",
  "qemu-aarch64-static",
  "mke2fs",
  "mkfs.fat",
  "mcopy",
  "sfdisk",
] as const;

/** Shim and roots may have to be made first: on two cores that takes half an hour. */
export const BOOT_TOOLS_TIMEOUT_MS = 3_600_000;

/** Builds the shim unless the cache has it. */
export async function ensureBootShim(): Promise<void> {
  await ensureShim({ cacheDir: cacheFolder() });
}
