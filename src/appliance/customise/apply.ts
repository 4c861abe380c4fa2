/** Writes the settings into the boot partition of a fresh disk, in the way that the system on it reads. */
import { FatError } from "../../disk/fat/fat-error.ts";
import { FatVolume } from "../../disk/fat/volume.ts";
import type { Layer } from "../../disk/layer.ts";
import { readPartitionTable } from "../../disk/partitions.ts";
import { mergeMetaData, mergeNetworkConfig, mergeUserData, userData } from "./cloud-init.ts";
import { bootFolder, firstRun, userConf, withFirstRun } from "./first-run.ts";
import type { Customisation } from "./settings.ts";

/** Which of its ways the system reads. */
export type BootReader = "cloud-init" | "first-run";

export interface Applied {
  /** Undefined when the disk has no boot partition of a Pi. */
  readonly reader: BootReader | undefined;
  /** Names of the files that were written. */
  readonly files: readonly string[];
  /** What only counts when the disk boots by its own cmdline.txt. */
  readonly needsOwnCmdline: boolean;
}

export interface Identity {
  /** New for each fresh disk, so that the system does all of its first start. */
  readonly instance: string;
  /** Undefined keeps the image's own. */
  readonly hostname: string | undefined;
}

/** Boot partitions are the first or second; nobody has a hundred. */
const PARTITIONS_TRIED = 8;

/** Throws FatError when the partition is damaged or full, and the disk's own errors. */
export async function applyCustomisation(
  disk: Layer,
  settings: Customisation,
  identity: Identity,
): Promise<Applied> {
  const found = await findBootPartition(disk);
  if (!found) return { reader: undefined, files: [], needsOwnCmdline: false };
  const { volume, reader } = found;
  const files: string[] = [];
  const write = async (name: string, text: string | undefined): Promise<void> => {
    if (text === undefined) return;
    await volume.write(name, new TextEncoder().encode(text));
    files.push(name);
  };
  const there = async (name: string): Promise<string> => new TextDecoder().decode(await volume.read(name));
  if (settings.ssh === true) await write("ssh", "");
  if (reader === "cloud-init") {
    const ours = userData(settings);
    await write("user-data", ours === undefined ? undefined : mergeUserData(await there("user-data"), ours));
    const { instance, hostname } = identity;
    await write("meta-data", hostname && mergeMetaData(await there("meta-data"), instance, hostname));
    if (settings.wifi)
      await write("network-config", mergeNetworkConfig(await there("network-config"), settings.wifi));
    return { reader, files, needsOwnCmdline: false };
  }
  const folder = bootFolder(await there("issue.txt"));
  await write("userconf.txt", userConf(settings));
  const script = firstRun(settings, folder);
  await write("firstrun.sh", script);
  if (script !== undefined) await write("cmdline.txt", withFirstRun(await there("cmdline.txt"), folder));
  const { sshKeys, wifi, locale, keyboard, timezone, user } = settings;
  const left = [sshKeys, wifi, locale, keyboard, timezone].some((setting) => setting !== undefined);
  return { reader, files, needsOwnCmdline: left || user?.passwordHash === null };
}

async function findBootPartition(
  disk: Layer,
): Promise<{ readonly volume: FatVolume; readonly reader: BootReader } | undefined> {
  const { entries } = await readPartitionTable(disk);
  for (const { offsetBytes, sizeBytes } of entries.slice(0, PARTITIONS_TRIED)) {
    const volume = await openFat(disk, offsetBytes, sizeBytes);
    const reader = volume && (await readerOf(volume));
    if (volume && reader) return { volume, reader };
  }
  return undefined;
}

/** Undefined for what is no FAT; one that is damaged is told. */
async function openFat(disk: Layer, offset: number, size: number): Promise<FatVolume | undefined> {
  try {
    return await FatVolume.open(disk, offset, size);
  } catch (error) {
    if (error instanceof FatError && error.fault === "not-fat") return undefined;
    throw error;
  }
}

/** By what is on the partition: releases with cloud-init come with its files, as examples at least. */
async function readerOf(volume: FatVolume): Promise<BootReader | undefined> {
  const names = new Set((await volume.list("")).map(({ name }) => name.toLowerCase()));
  if (!names.has("config.txt") || !names.has("cmdline.txt")) return undefined;
  if (names.has("user-data") || names.has("meta-data")) return "cloud-init";
  const cmdline = new TextDecoder().decode(await volume.read("cmdline.txt"));
  return /\bds=nocloud\b/.test(cmdline) ? "cloud-init" : "first-run";
}
