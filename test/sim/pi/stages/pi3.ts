/**
 * Pi 3: the ROM fetches bootcode.bin, which asks DHCP anew and fetches start.elf, which loads the rest.
 * The order of requests, missing files included, follows public captures of a 3B and a 3B+.
 */
import { type FileSource, FirmwareStop, mustGet, probeAndGet } from "../files.ts";
import { checkFirmware, type LoadedOs, loadConfig, loadOs, type Machine } from "./load-os.ts";

/** The ROM knows no prefix. */
export async function runRom(files: FileSource): Promise<void> {
  const bootcode = await files.get("bootcode.bin");
  if (!bootcode) throw new FirmwareStop("bootcode.bin is missing");
  await files.get("bootsig.bin");
}

/** bootcode.bin and start.elf. */
export async function runPi3(files: FileSource, machine: Machine, serialPrefix: string): Promise<LoadedOs> {
  const hasOwnFolder = await files.probe(`${serialPrefix}start.elf`);
  const prefix = hasOwnFolder ? serialPrefix : "";
  await files.get(`${prefix}autoboot.txt`);
  const text = await files.get(`${prefix}config.txt`);
  const { choices } = await loadConfig(files, machine, prefix, text);
  await files.get(`${prefix}recovery.elf`);
  checkFirmware(choices.startFile, await mustGet(files, `${prefix}${choices.startFile}`));
  await mustGet(files, `${prefix}${choices.fixupFile}`);
  await files.get(`${prefix}recovery.elf`);
  await probeAndGet(files, `${prefix}config.txt`);
  await files.get(`${prefix}dt-blob.bin`);
  await files.get(`${prefix}recovery.elf`);
  return loadOs(files, machine, prefix);
}
