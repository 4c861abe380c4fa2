/** File names: the eleven characters that FAT has always had, and the long name beside them (VFAT). */
import { FatError } from "./fat-error.ts";

const MAX_NAME_CHARACTERS = 255;
const FORBIDDEN = /[\p{Cc}"*/:<>?\\|]/u;
/** What may stand in a short name, beside letters and digits. */
const SHORT_CHARACTERS = /[^A-Z0-9!#$%&'()@^_`{}~-]/g;
const SHORT_BYTES = 11;
const BASE_BYTES = 8;
const MAX_TAIL = 999_999;

/** Throws FatError for a name that VFAT cannot hold. */
export function checkName(name: string): void {
  if (name === "" || name.length > MAX_NAME_CHARACTERS || FORBIDDEN.test(name) || /[. ]$/.test(name))
    throw new FatError("path", `${JSON.stringify(name)} is no name for a file on FAT`);
}

/** Whether two names are one to FAT, which keeps their case and does not compare it. */
export function isSameName(a: string, b: string): boolean {
  return a.toUpperCase() === b.toUpperCase();
}

export interface ShortName {
  /** Eleven characters, padded with spaces. */
  readonly short: string;
  /** The long name says more (its case at least), and has to stand beside it. */
  readonly needsLong: boolean;
}

/** The short name of a new file, another one than `taken`. */
export function shortNameOf(name: string, taken: ReadonlySet<string>): ShortName {
  const dot = name.lastIndexOf(".");
  const [base, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot + 1)] : [name, ""];
  const [shortBase, shortExtension] = [clean(base), clean(extension)];
  const fits =
    shortBase === base.toUpperCase() &&
    shortExtension === extension.toUpperCase() &&
    shortBase.length <= BASE_BYTES &&
    shortExtension.length <= SHORT_BYTES - BASE_BYTES;
  const plain = pad(shortBase, shortExtension);
  if (fits && !taken.has(plain)) return { short: plain, needsLong: name !== name.toUpperCase() };
  for (let number = 1; number <= MAX_TAIL; number++) {
    const tail = `~${number}`;
    const short = pad(shortBase.slice(0, BASE_BYTES - tail.length) + tail, shortExtension);
    if (!taken.has(short)) return { short, needsLong: true };
  }
  throw new FatError("full", `there is no short name left for ${name}`);
}

/** How a short name is written by people; `lower` are the case bits of Windows NT (8: base, 16: extension). */
export function shortToText(short: string, lower: number): string {
  const base = short.slice(0, BASE_BYTES).trimEnd();
  const extension = short.slice(BASE_BYTES).trimEnd();
  const shownBase = lower & 0x08 ? base.toLowerCase() : base;
  const shownExtension = lower & 0x10 ? extension.toLowerCase() : extension;
  return extension === "" ? shownBase : `${shownBase}.${shownExtension}`;
}

/** Ties a long name to the short one behind it. */
export function checksumOf(short: Uint8Array): number {
  let sum = 0;
  for (const byte of short) sum = (((sum & 1) << 7) + (sum >>> 1) + byte) & 0xff;
  return sum;
}

function clean(part: string): string {
  return part.toUpperCase().replaceAll(/[ .]/g, "").replaceAll(SHORT_CHARACTERS, "_");
}

function pad(base: string, extension: string): string {
  return (
    base.slice(0, BASE_BYTES).padEnd(BASE_BYTES) + extension.slice(0, SHORT_BYTES - BASE_BYTES).padEnd(3)
  );
}
