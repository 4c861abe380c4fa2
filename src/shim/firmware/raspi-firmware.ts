/** The Pi's own firmware, from Debian's raspi-firmware: loaded over the network by Pi 3 and Pi 4; Pi 5 has its own. */
import { join } from "node:path";
import { file } from "bun";
import type { TarEntry } from "../bundle/tar.ts";

/** Name in the bundle of the text under which the firmware may be passed on. */
export const FIRMWARE_LICENCE = "LICENCE.raspi-firmware";

export const FIRMWARE_FILES = [
  { path: "bootcode.bin", why: "the first file that a Pi 3 asks for" },
  { path: "start.elf", why: "Pi 3" },
  { path: "fixup.dat", why: "Pi 3: how start.elf divides the memory" },
  { path: "start4.elf", why: "Pi 4, 400, CM4" },
  { path: "fixup4.dat", why: "Pi 4, 400, CM4: how start4.elf divides the memory" },
] as const satisfies readonly { path: string; why: string }[];

/** The firmware's files out of the unpacked package at `dir`. */
export async function readFirmware(dir: string): Promise<TarEntry[]> {
  return await Promise.all(
    FIRMWARE_FILES.map(async ({ path }) => {
      return { path, data: await file(join(dir, "usr/lib/raspi-firmware", path)).bytes() };
    }),
  );
}
