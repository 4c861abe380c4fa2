/** `pinetboot sdcard` */
import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { buildCommand } from "@stricli/core";
import { confirm, isCancel, log } from "@clack/prompts";
import {
  ApplianceError,
  defaultCacheFolder,
  errnoOf,
  folderPaths,
  formatSize,
  giveToCaller,
  SHIM_VARIANTS,
  type ShimVariant,
} from "../../appliance/index.ts";
import { type BlockDevice, readBlockDevice } from "../../disk/device/block-device.ts";
import { checkTarget } from "../../disk/device/check-target.ts";
import { writeDevice } from "../../disk/device/write-device.ts";
import { writeImageFile } from "../../disk/device/write-image.ts";
import type { Layer } from "../../disk/layer.ts";
import {
  CARD_LABEL,
  cardDisk,
  cardEepromFiles,
  cardFiles,
  type CardOptions,
  EEPROM_CHIPS,
  findShim,
  readFirmwareFolder,
  renderWifiFile,
  SD_THEN_NETWORK,
  signatureTime,
  whereFirmwareIs,
} from "../../shim/index.ts";
import { dataFlag, dataFolderOf, jsonFlag, text } from "../flags.ts";
import { failure, printJson } from "../output.ts";
import { ProgressLine } from "../progress-line.ts";

interface SdcardFlags {
  readonly variant?: ShimVariant;
  readonly server?: string;
  readonly "wifi-ssid"?: string;
  readonly "wifi-psk"?: string;
  readonly "wifi-country"?: string;
  readonly "wpa-supplicant"?: string;
  readonly usb: boolean;
  readonly eeprom: boolean;
  readonly "pi3-otp": boolean;
  readonly data?: string;
  readonly "any-disk": boolean;
  readonly yes: boolean;
  readonly cache?: string;
  readonly json: boolean;
}

const BOARDS = { "2711": "Pi 4, 400 and CM4", "2712": "Pi 5, 500 and CM5" } as const;

const wordFlag = (brief: string, placeholder: string) =>
  ({ kind: "parsed", parse: text, brief, placeholder, optional: true }) as const;
const switchFlag = (brief: string) =>
  ({ kind: "boolean", brief, default: false, withNegated: false }) as const;
const pathFlag = (brief: string, placeholder: string) =>
  ({ kind: "parsed", parse: (word: string) => resolve(word), brief, placeholder, optional: true }) as const;

export const sdcardCommand = buildCommand({
  docs: {
    brief: "Write the card with which a Pi starts that cannot start over the network by itself",
    fullDescription:
      "Writes an image file, or the card itself. A disk that is mounted or that this computer runs from is refused.\n\n" +
      "Example:\n  pinetboot sdcard card.img\n  sudo pinetboot sdcard /dev/sdX --server 192.168.1.10",
  },
  parameters: {
    flags: {
      variant: {
        kind: "enum",
        values: SHIM_VARIANTS,
        brief: "Which shim (default: wifi when a WiFi is given, else ethernet)",
        optional: true,
      },
      server: wordFlag("The server's name or address (default: the Pi looks for it)", "host"),
      "wifi-ssid": wordFlag("Name of the WiFi", "name"),
      "wifi-psk": wordFlag("Its password", "password"),
      "wifi-country": wordFlag("The country in two letters, for the radio's rules", "code"),
      "wpa-supplicant": pathFlag("A wpa_supplicant.conf to put on the card as it is", "file"),
      usb: switchFlag("For Pis that boot in mode usb: a Pi 4's or 5's USB-C port is a disk"),
      eeprom: switchFlag(
        "Also have a Pi 4 or 5 set its EEPROM so that the network follows the card, and --pi3-otp",
      ),
      "pi3-otp": switchFlag("Also set the bit with which a Pi 3B starts over the network: once and for good"),
      "any-disk": switchFlag("Also write a disk that is not removable, or larger than a card usually is"),
      data: dataFlag,
      yes: switchFlag("Do not ask"),
      cache: pathFlag("Cache folder (default: $XDG_CACHE_HOME/pinetboot)", "dir"),
      json: jsonFlag,
    },
    positional: {
      kind: "tuple",
      parameters: [{ brief: "Image file, or the card's disk", parse: text, placeholder: "out" }],
    },
  },
  async func(flags: SdcardFlags, out: string) {
    const target = resolve(out);
    if (isDevicePath(target)) {
      const device = cardReader(target, flags);
      await writeCard(device, cardDisk(await contentOf(flags)), flags);
    } else await writeFile(target, cardDisk(await contentOf(flags)), flags);
  },
});

async function contentOf(flags: SdcardFlags): Promise<ReadonlyMap<string, Uint8Array>> {
  const bundle = await findShim({ cacheDir: flags.cache ?? defaultCacheFolder() });
  if (!bundle) throw failure("shim-unavailable", "There is no boot shim yet", "pinetboot shim build");
  const wifi = await wifiOf(flags);
  return cardFiles(bundle, {
    variant: flags.variant ?? (wifi ? "wifi" : "ethernet"),
    usbDevice: flags.usb,
    server: flags.server,
    wifi,
    pi3Otp: flags["pi3-otp"] || flags.eeprom,
    eeprom: flags.eeprom ? await eepromOf(flags) : undefined,
  });
}

/** With Raspberry Pi's own files, which a person has put into the data folder; without them, by flashrom. */
async function eepromOf(flags: SdcardFlags): Promise<CardOptions["eeprom"]> {
  const folder = folderPaths(dataFolderOf(flags)).firmware;
  const sources = [...(await readFirmwareFolder(folder)).values()].flatMap(({ image, recovery }) =>
    recovery ? [{ image, recovery }] : [],
  );
  const official = sources.map(({ image }) => image.chip);
  const spiChips = EEPROM_CHIPS.filter((chip) => !official.includes(chip));
  if (!flags.json) {
    const ways = [
      ...official.map((chip) => `${BOARDS[chip]}: with Raspberry Pi's own recovery.bin from ${folder}.`),
      ...spiChips.map(
        (chip) =>
          `${BOARDS[chip]}: by flashrom over SPI, since Raspberry Pi's own recovery.bin and pieeprom.bin are not there.`,
      ),
    ];
    if (spiChips.length > 0) ways.push(`Raspberry Pi's own way is the safer one. ${whereFirmwareIs(folder)}`);
    log.warn(
      `The shim sets BOOT_ORDER=${SD_THEN_NETWORK} once, where the network is missing in it, and says what it reads back.\n` +
        `${ways.join("\n")}\nThis was never run on a real board. A Pi 3B gets its netboot bit set, which cannot be taken back.`,
      { output: process.stderr },
    );
  }
  const options = { bootOrder: SD_THEN_NETWORK, seconds: signatureTime() };
  return { bootOrder: SD_THEN_NETWORK, files: cardEepromFiles(sources, options), spiChips };
}

async function wifiOf(flags: SdcardFlags): Promise<Uint8Array | undefined> {
  const { "wifi-ssid": ssid, "wifi-psk": psk, "wifi-country": country, "wpa-supplicant": file } = flags;
  if (file !== undefined) {
    if (ssid !== undefined || psk !== undefined || country !== undefined)
      throw failure("bad-request", "--wpa-supplicant says all of the WiFi: leave the --wifi- flags out");
    try {
      return await readFile(file);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      throw failure(
        "not-found",
        `${file} cannot be read (${errnoOf(error)})`,
        "--wpa-supplicant names a file.",
      );
    }
  }
  if (ssid === undefined) {
    if (psk === undefined && country === undefined) return undefined;
    throw failure("bad-request", "The WiFi's name is missing", "Say it with --wifi-ssid NAME.");
  }
  return new TextEncoder().encode(renderWifiFile({ ssid, psk, country }));
}

/** A disk of the system by its name, whether it is there or not: nothing else is to be made of such a name. */
function isDevicePath(target: string): boolean {
  if (process.platform === "win32") return /^[\\/]{2}[.?][\\/]/.test(target);
  return target.startsWith("/dev/");
}

async function writeFile(target: string, disk: Layer, flags: SdcardFlags): Promise<void> {
  const there = existsSync(target) ? statSync(target) : undefined;
  if (there && !there.isFile()) throw failure("bad-request", `${target} is no file`);
  if (there) await ask(`Replace ${target}?`, flags, `${target} is there already`);
  await writeImageFile(disk, target);
  giveToCaller(target);
  if (flags.json) printJson({ path: target, size_bytes: disk.sizeBytes, label: CARD_LABEL });
  else
    console.log(
      `${target} is ready (${formatSize(disk.sizeBytes)}).\n` +
        `Write it to a card with Raspberry Pi Imager ("Use custom"), or: sudo pinetboot sdcard /dev/sdX`,
    );
}

/** The disk, when it may be written at all. */
function cardReader(target: string, flags: SdcardFlags): BlockDevice {
  if (process.platform !== "linux") throw elsewhere(target);
  const device = readBlockDevice(target);
  checkTarget(device, { sizeBytes: 0, anyDisk: flags["any-disk"] });
  return device;
}

async function writeCard(device: BlockDevice, disk: Layer, flags: SdcardFlags): Promise<void> {
  checkTarget(device, { sizeBytes: disk.sizeBytes, anyDisk: flags["any-disk"] });
  await ask(`Overwrite ${nameOf(device)}? All that is on it is lost.`, flags, nameOf(device));
  const line = new ProgressLine(`Card ${device.path}`, flags.json);
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, stop);
  const startedAt = performance.now();
  try {
    await writeDevice(disk, {
      path: device.path,
      deviceBytes: device.sizeBytes,
      signal: abort.signal,
      onProgress({ step, doneBytes, totalBytes }) {
        const done = step === "writing" ? doneBytes : totalBytes + doneBytes;
        const fraction = done / (2 * totalBytes);
        const spentSeconds = (performance.now() - startedAt) / 1000;
        line.show({ step, fraction, etaSeconds: Math.ceil((spentSeconds * (1 - fraction)) / fraction) });
      },
    });
  } finally {
    line.end();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, stop);
  }
  if (flags.json)
    printJson({ path: device.path, size_bytes: disk.sizeBytes, label: CARD_LABEL, verified: true });
  else
    console.log(
      `The card is written, and reads back right. Pull it out of ${device.path} and put it into the Pi.`,
    );
}

function nameOf({ path, model, sizeBytes }: BlockDevice): string {
  return `${path} (${[model, formatSize(sizeBytes)].filter(Boolean).join(", ")})`;
}

/** Asks on the terminal. Where nobody can answer, only `--yes` goes on. */
async function ask(question: string, { yes, json }: SdcardFlags, what: string): Promise<void> {
  if (yes) return;
  if (json || !process.stdin.isTTY || !process.stdout.isTTY)
    throw failure("bad-request", `Nobody was asked about ${what}`, "Add --yes if it may be overwritten.");
  const answer = await confirm({ message: question, initialValue: false });
  if (isCancel(answer) || !answer)
    throw new ApplianceError("bad-request", "Stopped before anything was written");
}

function elsewhere(target: string): ApplianceError {
  const image = "pinetboot sdcard card.img";
  const raw = target.replace("/dev/disk", "/dev/rdisk");
  const fix =
    process.platform === "darwin"
      ? `${image}, then Raspberry Pi Imager ("Use custom"), or: diskutil unmountDisk ${target} && sudo dd if=card.img of=${raw} bs=1m`
      : `${image}, then Raspberry Pi Imager ("Use custom").`;
  return failure("bad-request", "Only on Linux is a card written directly", fix);
}
