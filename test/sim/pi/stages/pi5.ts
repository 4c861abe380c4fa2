/** Pi 5: the EEPROM loads everything by itself; there is no start.elf, and some paths have a doubled slash. */
import { type FileSource, FirmwareStop, mustGet, probeAndGet } from "../files.ts";
import { checkKernel } from "../kernel-image.ts";
import {
  chooseFolder,
  decode,
  type LoadedOs,
  loadConfig,
  loadInitramfs,
  loadOverlays,
  type Machine,
} from "./load-os.ts";

export async function runPi5(files: FileSource, machine: Machine, serialPrefix: string): Promise<LoadedOs> {
  const hasOwnFolder =
    (await files.get(`${serialPrefix}config.txt`)) !== undefined &&
    (await files.probe(`${serialPrefix}${machine.files.deviceTree}`));
  const prefix = hasOwnFolder ? serialPrefix : "";
  await files.get(`${prefix}pieeprom.sig`);
  const doubled = prefix === "" ? "" : `${prefix}/`;
  const text = await probeAndGet(files, `${doubled}config.txt`);
  if (!text) throw new FirmwareStop("config.txt is missing");
  const loaded = await loadConfig(files, machine, doubled, text);
  const { config, choices } = loaded;
  const hasTree = await files.probe(`${prefix}${machine.files.deviceTree}`);
  if (choices.checksOs && !hasTree) {
    throw new FirmwareStop(
      `os_check: no ${machine.files.deviceTree}: this system does not support the board`,
    );
  }
  const folder = await chooseFolder(files, prefix, choices);
  const initramfs = await loadInitramfs(files, folder, choices);
  const deviceTree = await mustGet(files, `${folder.path}${folder.tree.name}`);
  const { overlays, warnings } = await loadOverlays(files, machine, doubled, folder, loaded);
  const cmdlineAt = folder.path === prefix ? doubled : folder.path;
  const cmdline = await probeAndGet(files, `${cmdlineAt}${choices.cmdline}`);
  if (!cmdline) warnings.push(`${choices.cmdline} is missing`);
  const armstub = choices.armstub ? await files.get(`${prefix}${choices.armstub}`) : undefined;
  const kernel = await mustGet(files, `${folder.path}${folder.kernel}`);
  checkKernel(folder.kernel, kernel, choices.is64Bit);
  return {
    kernelName: folder.kernel,
    kernel,
    deviceTreeName: folder.tree.name,
    deviceTree,
    overlays,
    cmdline: decode(cmdline),
    initramfs,
    armstub,
    config,
    choices,
    warnings: [...config.warnings, ...warnings],
  };
}
