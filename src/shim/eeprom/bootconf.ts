/**
 * bootconf.txt, the bootloader's settings: KEY=value lines, and sections like config.txt's, of which `[all]` and the
 * lines before any section hold always. Of several lines for one key the last counts. Lines that are not changed stay
 * as they are, byte for byte.
 */
import { ShimError } from "../support/shim-error.ts";

/** SD card, then network, then again: read from the right. */
export const SD_THEN_NETWORK = "0xf21";
/** Nibbles as Raspberry Pi documents them; `e` stops and `f` begins again. */
const BOOT_ORDER = /^0x[0-7ef]{1,8}$/i;

/** The bootloader's own limit for NETCONSOLE. */
export const NETCONSOLE_MAX_CHARS = 32;

/** The value that holds on every board and pin, or undefined. */
export function bootconfGet(text: string, key: string): string | undefined {
  const lines = text.split("\n");
  const at = unconditional(lines, key).at(-1);
  return at === undefined ? undefined : valueOf(lines[at] ?? "");
}

/** Sets a key, in its place when it has one; undefined takes its lines out. */
export function bootconfSet(text: string, key: string, value: string | undefined): string {
  const lines = text.split("\n");
  const places = unconditional(lines, key);
  if (value === undefined) return lines.filter((_, i) => !places.includes(i)).join("\n");
  const last = places.at(-1);
  if (last !== undefined) {
    const end = (lines[last] ?? "").endsWith("\r") ? "\r" : "";
    return lines.with(last, `${key}=${value}${end}`).join("\n");
  }
  const whole = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  return `${whole}${endsInSection(lines) ? "[all]\n" : ""}${key}=${value}\n`;
}

/** Throws ShimError "bad-eeprom" for an order that the bootloader does not know. */
export function checkBootOrder(order: string): void {
  if (!BOOT_ORDER.test(order))
    throw new ShimError(
      "bad-eeprom",
      `"${order}" is no BOOT_ORDER`,
      "It is 0x and up to 8 hex digits, read from the right: 1 SD, 2 network, 4 USB, 6 NVMe, f again. For example 0xf21.",
    );
}

/**
 * NETCONSOLE for a Pi that sends its firmware's log to everybody on its cable, port 6666. The bootloader wants a source
 * address of its own; the server tells the Pi by it.
 */
export function netconsoleFrom(sourceAddress: string): string {
  const value = `@${sourceAddress}/,@/`;
  if (value.length > NETCONSOLE_MAX_CHARS) throw new RangeError(`${value} is too long for NETCONSOLE`);
  return value;
}

/** Numbers of the lines for a key that hold always. */
function unconditional(lines: readonly string[], key: string): number[] {
  const found: number[] = [];
  let isAlways = true;
  for (const [index, line] of lines.entries()) {
    const section = sectionOf(line);
    if (section !== undefined) isAlways = section === "all";
    else if (isAlways && line.split("=")[0]?.trim() === key && line.includes("=")) found.push(index);
  }
  return found;
}

function endsInSection(lines: readonly string[]): boolean {
  return (lines.map(sectionOf).findLast((section) => section !== undefined) ?? "all") !== "all";
}

function sectionOf(line: string): string | undefined {
  return /^\s*\[(.*)\]\s*$/.exec(line)?.[1]?.toLowerCase();
}

function valueOf(line: string): string {
  return line.slice(line.indexOf("=") + 1).trim();
}
