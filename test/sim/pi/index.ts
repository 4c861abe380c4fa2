/** The Raspberry Pi firmware emulator, from a test's side. */
import { join } from "node:path";
import type { Lab } from "../net/lab.ts";
import { CardFiles } from "./card-files.ts";
import { bootPiFromCard } from "./emulator.ts";
import { PROFILES, type ProfileName } from "./profiles.ts";
import type { PiEvent, PiResult, StartedFiles } from "./result.ts";
import { saveStarted } from "./save-started.ts";

export { PROFILES, type ProfileName } from "./profiles.ts";
export type { PiResult, StartedFiles } from "./result.ts";

export interface PiOptions {
  /** A tap of the lab, free: QEMU may have it afterwards. */
  readonly tap: string;
  readonly profile: ProfileName;
  /** 16 hex digits. */
  readonly serial: string;
  readonly mac: string;
  /** Folder for the kernel and its companions; made when absent. */
  readonly outDir: string;
  /** TFTP_PREFIX of the EEPROM: `serial` (the default), `mac`, or a folder's name. */
  readonly prefix?: string;
  /** Multiplies a real Pi's waiting times; default 1. */
  readonly timeFactor?: number;
}

/** Switches an emulated Pi on with an SD card in, whose files it loads. Rejects with FirmwareStop when it gives up. */
export async function runPiFromCard(
  card: string,
  { profile, serial, mac, outDir }: Pick<PiOptions, "profile" | "serial" | "mac" | "outDir">,
): Promise<StartedFiles> {
  const board = { profile: PROFILES[profile], serial, mac };
  return saveStarted(outDir, await bootPiFromCard(board, await CardFiles.open(card, "card")));
}

/** Switches an emulated Pi on and waits until its firmware starts a kernel or gives up. */
export async function runPi(lab: Lab, options: PiOptions): Promise<PiResult> {
  const { tap, profile, serial, mac, outDir, prefix = "serial", timeFactor = 1 } = options;
  const flags = { tap, profile, serial, mac, out: outDir, prefix, "time-factor": `${timeFactor}` };
  const words = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
  const program = [process.execPath, join(import.meta.dir, "main.ts"), ...words];
  const pi = lab.spawn({ run: lab.switchRun }, program);
  const output = [new Response(pi.stdout).text(), new Response(pi.stderr).text()] as const;
  const [stdout, stderr] = await Promise.all(output);
  await pi.exited;
  const events = stdout
    .split("\n")
    .filter(Boolean)
    .map((line): PiEvent => JSON.parse(line));
  const last = events.at(-1);
  const log = {
    dhcp: events.filter((event) => event.event === "dhcp"),
    requests: events.filter((event) => event.event === "request"),
  };
  if (last?.event === "started") return { outcome: "started", ...log, ...last };
  if (last?.event === "stopped") return { outcome: "stopped", ...log, ...last };
  throw new Error(`the Pi emulator broke: ${stderr}`);
}
