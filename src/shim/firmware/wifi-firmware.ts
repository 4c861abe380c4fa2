/** What the WiFi chips of the Pis load, from Debian's packages, for the WiFi variant's initramfs. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { PackageId } from "../debian/packages.ts";
import type { CpioEntry } from "../userland/cpio.ts";

interface FirmwareRow {
  /** Path below usr/lib/firmware in the package. */
  readonly from: string;
  /** Name in lib/firmware of the initramfs, where it is another. */
  readonly to?: string;
  readonly package: "firmware-brcm80211" | "raspi-firmware" | "wireless-regdb";
}

function brcm(
  names: readonly string[],
  source: FirmwareRow["package"] = "firmware-brcm80211",
): FirmwareRow[] {
  return names.map((name) => ({ from: `brcm/brcmfmac${name}`, package: source }));
}

/**
 * By chip: its program, the table of what each country allows, and the calibration of each board. A board without
 * a file of its own takes the one without a board's name. The 43436 of later Zero 2 W is in no package of Debian's.
 */
export const WIFI_FIRMWARE: readonly FirmwareRow[] = [
  // Pi 3B, Zero 2 W
  ...brcm(["43430-sdio.bin", "43430-sdio.clm_blob"]),
  ...brcm(["43430-sdio.raspberrypi,3-model-b.txt", "43430-sdio.raspberrypi,model-zero-2-w.txt"]),
  // Pi 3B+, 3A+, 4B, CM4, 5, CM5, 500
  ...brcm(["43455-sdio.bin", "43455-sdio.clm_blob"]),
  ...brcm(["43455-sdio.raspberrypi,3-model-a-plus.txt", "43455-sdio.raspberrypi,3-model-b-plus.txt"]),
  ...brcm(["43455-sdio.raspberrypi,4-model-b.txt", "43455-sdio.raspberrypi,4-compute-module.txt"]),
  ...brcm(["43455-sdio.raspberrypi,5-model-b.txt", "43455-sdio.raspberrypi,5-compute-module.txt"]),
  ...brcm(["43455-sdio.raspberrypi,500.txt"]),
  ...brcm(["43430-sdio.txt", "43455-sdio.txt"], "raspi-firmware"),
  // Pi 400
  ...brcm(["43456-sdio.bin", "43456-sdio.clm_blob", "43456-sdio.txt"], "raspi-firmware"),
  { from: "regulatory.db-upstream", to: "regulatory.db", package: "wireless-regdb" },
];

/**
 * Entries of lib/firmware, that folder included. Links of the packages become files.
 *
 * @param unpackedAt where a package is unpacked
 */
export async function wifiFirmwareEntries(unpackedAt: (id: PackageId) => string): Promise<CpioEntry[]> {
  const files = await Promise.all(
    WIFI_FIRMWARE.map(async ({ from, to, package: id }): Promise<CpioEntry> => {
      const content = await readFile(join(unpackedAt(id), "usr/lib/firmware", from));
      return { type: "file", path: `lib/firmware/${to ?? from}`, mode: 0o644, content };
    }),
  );
  const folders = ["lib/firmware", "lib/firmware/brcm"];
  return [...folders.map((path): CpioEntry => ({ type: "directory", path, mode: 0o755 })), ...files];
}
