/** What a shim may say to the boot endpoint, checked: everything here comes from whoever is on the LAN. */
import { type BootloaderRecord, CONFIG_MAX_CHARS } from "../eeprom/record.ts";
import { cleanText } from "../events.ts";
import { type BootStage, isBootStage, isStageState, type StageState } from "../stages.ts";

/** A query or a form of the shim's has some 300 bytes; failures carry a few lines of words. */
export const BODY_MAX_BYTES = 4096;
/** A piece of the kernel's log, which the shim sends once a second at most; its bootloader's 4 KiB of settings in a form. */
export const CONSOLE_BODY_MAX_BYTES = 16_384;
const MODEL_MAX_CHARS = 64;

export interface Caller {
  /** 16 hex digits, or undefined when the machine tells none. */
  readonly serial: string | undefined;
  readonly mac: string | undefined;
  readonly bootId: string;
  readonly model: string | undefined;
}

export interface Report {
  readonly stage: BootStage;
  readonly state: StageState;
  readonly detail: string;
  readonly fix: string | null;
}

/** Who calls; undefined when it names neither a serial nor a MAC, or no boot id. */
export function parseCaller(words: URLSearchParams): Caller | undefined {
  const serial = words.get("serial")?.toLowerCase() ?? "";
  const mac = words.get("mac")?.toLowerCase() ?? "";
  const bootId = words.get("boot") ?? "";
  const model = cleanText(words.get("model") ?? "").slice(0, MODEL_MAX_CHARS);
  const caller: Caller = {
    serial: /^[0-9a-f]{8,16}$/.test(serial) ? serial : undefined,
    mac: /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(mac) ? mac : undefined,
    bootId,
    model: model === "" ? undefined : model,
  };
  const named = caller.serial !== undefined || caller.mac !== undefined;
  return named && /^[0-9a-zA-Z-]{1,64}$/.test(bootId) ? caller : undefined;
}

/** What a shim reports; undefined when its stage or state is none of ours. */
export function parseReport(words: URLSearchParams): Report | undefined {
  const stage = words.get("stage") ?? "";
  const state = words.get("state") ?? "";
  if (!isBootStage(stage) || !isStageState(state)) return undefined;
  const fix = cleanText(words.get("fix") ?? "");
  return { stage, state, detail: cleanText(words.get("detail") ?? ""), fix: fix === "" ? null : fix };
}

/** What a shim says of the bootloader that started it, as of `now` (Unix milliseconds); undefined when it is too long. */
export function parseBootloader(words: URLSearchParams, now: number): BootloaderRecord | undefined {
  const config = (words.get("config") ?? "").replaceAll("\r\n", "\n").trim();
  const written = words.get("written") ?? "";
  if (config.length > CONFIG_MAX_CHARS) return undefined;
  return {
    // It goes to terminals, and into another EEPROM: lines of printable text.
    config: config === "" ? "" : `${config.replaceAll(/[^\x20-\x7e\n\t]/g, "?")}\n`,
    writtenAt: /^\d{1,10}$/.test(written) ? Number(written) : null,
    seenAt: now,
  };
}
