/** Pi 4: the EEPROM fetches start4.elf, which loads the rest. The order of requests follows public logs. */
import { type FileSource, mustGet, probeAndGet } from "../files.ts";
import { checkFirmware, type LoadedOs, loadConfig, loadOs, type Machine } from "./load-os.ts";

export async function runPi4(files: FileSource, machine: Machine, serialPrefix: string): Promise<LoadedOs> {
  const hasOwnFolder =
    (await files.probe(`${serialPrefix}start4.elf`)) || (await files.probe(`${serialPrefix}start.elf`));
  const prefix = hasOwnFolder ? serialPrefix : "";
  const text = await files.get(`${prefix}config.txt`);
  const { choices } = await loadConfig(files, machine, prefix, text);
  await files.get(`${prefix}pieeprom.sig`);
  await files.get(`${prefix}recover4.elf`);
  await files.get(`${prefix}recovery.elf`);
  checkFirmware(choices.startFile, await mustGet(files, `${prefix}${choices.startFile}`));
  await mustGet(files, `${prefix}${choices.fixupFile}`);
  await files.get(`${prefix}recovery.elf`);
  await probeAndGet(files, `${prefix}config.txt`);
  await files.get(`${prefix}dt-blob.bin`);
  await files.get(`${prefix}recovery.elf`);
  return loadOs(files, machine, prefix);
}
