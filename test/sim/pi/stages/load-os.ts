/** The part of the firmware that all Pis share: from config.txt to everything that the kernel needs. */
import type { BoardFiles } from "../boards.ts";
import { type Choices, choose, type DeviceTreeChoice } from "../choices.ts";
import { type BoardFacts, type FirmwareConfig, readConfig } from "../config-txt.ts";
import { type FileSource, FirmwareStop, mustGet, probeAndGet } from "../files.ts";
import { checkKernel } from "../kernel-image.ts";

/** Everything that was downloaded for the kernel. */
export interface LoadedOs {
  readonly kernelName: string;
  readonly kernel: Uint8Array;
  readonly deviceTreeName: string;
  readonly deviceTree: Uint8Array;
  readonly overlays: readonly LoadedOverlay[];
  readonly cmdline: string;
  readonly initramfs: Uint8Array | undefined;
  readonly armstub: Uint8Array | undefined;
  readonly config: FirmwareConfig;
  readonly choices: Choices;
  readonly warnings: readonly string[];
}

export interface LoadedOverlay {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly parameters: readonly string[];
}

/** What a stage knows of its machine. */
export interface Machine {
  readonly facts: BoardFacts;
  readonly files: BoardFiles;
  /** Chip of the overlay map: bcm2835 stands for everything up to Pi 3. */
  readonly chip: "bcm2835" | "bcm2711" | "bcm2712";
  /** Finds an overlay's name for this chip in overlay_map.dtb. */
  readonly overlayName: (map: Uint8Array | undefined, name: string, chip: string) => Promise<string>;
}

export async function loadConfig(
  files: FileSource,
  machine: Machine,
  prefix: string,
  text: Uint8Array | undefined,
): Promise<{ config: FirmwareConfig; choices: Choices }> {
  const config = await readConfig(decode(text), machine.facts, async (path) => {
    const included = await files.get(`${prefix}${path}`);
    return included && decode(included);
  });
  return { config, choices: choose(config, machine.files, machine.chip === "bcm2711" ? "4" : "") };
}

/** Finds the folder of kernel and device tree: the OS prefix counts only when both are there. */
export async function chooseFolder(files: FileSource, prefix: string, choices: Choices): Promise<Folder> {
  const folders = [...new Set([`${prefix}${choices.osPrefix}`, prefix])];
  for (const path of folders) {
    const kernel = await firstThere(files, choices.kernels, (name) => `${path}${name}`);
    if (!kernel) continue;
    const tree = await firstThere(files, choices.deviceTrees, ({ name }) => `${path}${name}`);
    if (tree) return { path, kernel, tree };
  }
  const wanted = [...choices.kernels, ...choices.deviceTrees.map(({ name }) => name)].join(", ");
  throw new FirmwareStop(
    `no kernel with a device tree in "${folders.join('" or "')}" (looked for ${wanted})`,
  );
}

export interface Folder {
  readonly path: string;
  readonly kernel: string;
  readonly tree: DeviceTreeChoice;
}

async function firstThere<T>(
  files: FileSource,
  candidates: readonly T[],
  path: (candidate: T) => string,
): Promise<T | undefined> {
  for (const candidate of candidates) if (await files.probe(path(candidate))) return candidate;
  return undefined;
}

/** Downloads the overlays that config.txt and the device tree's choice ask for; a missing one is passed over. */
export async function loadOverlays(
  files: FileSource,
  machine: Machine,
  prefix: string,
  folder: Folder,
  { config, choices }: { config: FirmwareConfig; choices: Choices },
): Promise<{ overlays: LoadedOverlay[]; warnings: string[] }> {
  const wanted = [
    ...(folder.tree.overlay ? [{ name: folder.tree.overlay, parameters: [] }] : []),
    ...config.overlays,
  ];
  const warnings: string[] = [];
  const overlays: LoadedOverlay[] = [];
  // Without a README there the overlays are those of the unprefixed system.
  const isOwn = folder.path !== prefix && (await files.probe(`${folder.path}${choices.overlayPrefix}README`));
  const at = `${isOwn ? folder.path : prefix}${choices.overlayPrefix}`;
  const map = await probeAndGet(files, `${at}overlay_map.dtb`);
  for (const { name, parameters } of wanted) {
    const bytes = await probeAndGet(files, `${at}${await machine.overlayName(map, name, machine.chip)}.dtbo`);
    if (bytes) overlays.push({ name, bytes, parameters });
    else warnings.push(`overlay ${name} is missing`);
  }
  return { overlays, warnings };
}

/** Downloads device tree and overlays, command line, kernel and what goes with it, in the order of start.elf. */
export async function loadOs(files: FileSource, machine: Machine, prefix: string): Promise<LoadedOs> {
  const text = await probeAndGet(files, `${prefix}config.txt`);
  const { config, choices } = await loadConfig(files, machine, prefix, text);
  await files.get(`${prefix}bootcfg.txt`);
  const folder = await chooseFolder(files, prefix, choices);
  const initramfs = await loadInitramfs(files, folder, choices);
  const deviceTree = await mustGet(files, `${folder.path}${folder.tree.name}`);
  const { overlays, warnings } = await loadOverlays(files, machine, prefix, folder, { config, choices });
  await probeAndGet(files, `${prefix}config.txt`);
  const cmdline = await probeAndGet(files, `${folder.path}${choices.cmdline}`);
  if (!cmdline) warnings.push(`${choices.cmdline} is missing`);
  await files.get(`${prefix}recovery8.img`);
  await files.probe(`${folder.path}${folder.kernel}`);
  const armstub = choices.armstub ? await files.get(`${prefix}${choices.armstub}`) : undefined;
  if (!armstub && config.settings.has("armstub")) throw new FirmwareStop(`${choices.armstub} is missing`);
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

export async function loadInitramfs(
  files: FileSource,
  folder: Folder,
  choices: Choices,
): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  for (const name of choices.initramfs) parts.push(await mustGet(files, `${folder.path}${name}`));
  return parts.length > 0 ? Buffer.concat(parts) : undefined;
}

export function decode(bytes: Uint8Array | undefined): string {
  return new TextDecoder("latin1").decode(bytes ?? new Uint8Array());
}

/** Throws FirmwareStop unless the file is a program for the GPU. */
export function checkFirmware(name: string, bytes: Uint8Array): void {
  const isElf = bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
  if (!isElf) throw new FirmwareStop(`${name} is no firmware`);
}
