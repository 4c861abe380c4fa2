/**
 * Raspberry Pi's bootloader files in the data folder: `firmware/` and, for both chips at once, `firmware/2711/` and
 * `firmware/2712/`. They are Raspberry Pi's own and no part of pinetboot: a person puts them there.
 */
import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { ShimError } from "../support/shim-error.ts";
import { CHIPS, type EepromChip, EepromImage } from "./eeprom-image.ts";

/** "pieeprom.bin", or as it is published: "pieeprom-2026-09-23.bin". */
const IMAGE_NAME = /^pieeprom(?:-\d{4}-\d{2}-\d{2})?\.bin$/;
const RECOVERY = "recovery.bin";
/** Published ones have some 100 KiB; the chip's own memory, where the ROM puts it, is not larger. */
const RECOVERY_MAX_BYTES = 1024 * 1024;
const IMAGE_MAX_BYTES = 2 * 1024 * 1024;

export interface BootloaderFiles {
  readonly image: EepromImage;
  readonly imagePath: string;
  /** The program that the ROM starts from a card; undefined when only the image is there. */
  readonly recovery: Uint8Array | undefined;
}

/** Where a person finds the files, for every message about them. */
export function whereFirmwareIs(folder: string): string {
  return (
    `Download recovery.bin and the newest pieeprom-DATE.bin from github.com/raspberrypi/rpi-eeprom, folder ` +
    `firmware-2711/default (Pi 4, 400, CM4) or firmware-2712/default (Pi 5, 500, CM5), and put them into ` +
    `${join(folder, "2711")} or ${join(folder, "2712")}.`
  );
}

/**
 * What is there, by chip; the newest image of each. An empty map when nothing is.
 * Throws ShimError "bad-eeprom" for a damaged image or one in the other chip's folder.
 */
export async function readFirmwareFolder(folder: string): Promise<Map<EepromChip, BootloaderFiles>> {
  const found = new Map<EepromChip, BootloaderFiles>();
  for (const sub of ["", ...CHIPS]) {
    const files = await readFrom(join(folder, sub));
    if (!files) continue;
    if (sub !== "" && files.image.chip !== sub)
      throw new ShimError(
        "bad-eeprom",
        `${files.imagePath} is an image for the chip ${files.image.chip}`,
        `Put it into ${join(folder, files.image.chip)}.`,
      );
    found.set(files.image.chip, files);
  }
  return found;
}

/** The files of one chip. Throws ShimError "no-firmware", which says where to get them. */
export async function firmwareFor(folder: string, chip: EepromChip): Promise<BootloaderFiles> {
  const files = (await readFirmwareFolder(folder)).get(chip);
  if (files) return files;
  const board = chip === "2711" ? "a Pi 4" : "a Pi 5";
  throw new ShimError(
    "no-firmware",
    `There is no bootloader of Raspberry Pi's for ${board} in ${folder}`,
    whereFirmwareIs(folder),
  );
}

async function readFrom(folder: string): Promise<BootloaderFiles | undefined> {
  if (!existsSync(folder)) return undefined;
  const names = (await readdir(folder)).filter((name) => IMAGE_NAME.test(name)).toSorted();
  // "pieeprom.bin" sorts behind every date, and is what a person has chosen by its name.
  const name = names.at(-1);
  if (name === undefined) return undefined;
  const imagePath = join(folder, name);
  const recovery = join(folder, RECOVERY);
  return {
    image: EepromImage.parse(await readBounded(imagePath, IMAGE_MAX_BYTES)),
    imagePath,
    recovery: existsSync(recovery) ? await readBounded(recovery, RECOVERY_MAX_BYTES) : undefined,
  };
}

async function readBounded(path: string, limitBytes: number): Promise<Uint8Array> {
  const { size } = await stat(path);
  if (size > limitBytes) throw new ShimError("bad-eeprom", `${path} has ${size} bytes: it is no such file`);
  return readFile(path);
}
