/** Flags that many commands have, and how their words are read. */
import { resolve } from "node:path";
import { ApplianceError, defaultDataFolder, parseDuration, parseSize } from "../appliance/index.ts";
import { serverUrl } from "./remote-server.ts";

export const dataFlag = {
  kind: "parsed",
  parse: (text: string) => resolve(text),
  brief: "Data folder (default: $XDG_DATA_HOME/pinetboot)",
  placeholder: "dir",
  optional: true,
} as const;

export const jsonFlag = {
  kind: "boolean",
  brief: "Print one JSON document",
  default: false,
  withNegated: false,
} as const;

/** Of the commands that work on this computer alone. */
export const localFlags = { data: dataFlag, json: jsonFlag } as const;

export interface LocalFlags {
  readonly data?: string;
  readonly json: boolean;
}

/** Of the commands that speak to the API, wherever it is. */
export const commonFlags = {
  ...localFlags,
  server: {
    kind: "parsed",
    parse: serverUrl,
    brief: "Server on another computer (default: $PINETBOOT_SERVER; its key: $PINETBOOT_KEY)",
    placeholder: "address",
    optional: true,
  },
} as const;

export interface CommonFlags extends LocalFlags {
  readonly server?: string;
}

/** What BOOT_MODES are, for `--mode`. */
export const MODE_BRIEF =
  "pivot: the disk's partition becomes the root; kexec: the image's own kernel is started; usb: the disk is offered at the Pi's USB port";

/** The folder that the flags mean. */
export function dataFolderOf({ data }: { readonly data?: string }): string {
  return data ?? defaultDataFolder();
}

/** A word as it is. */
export const text = (word: string): string => word;

/** A flag for a size like 512M, kept as the word that it is. */
export const sizeFlag = (brief: string) =>
  ({
    kind: "parsed",
    parse: (word: string) => {
      parseSize(word);
      return word;
    },
    brief,
    placeholder: "size",
    optional: true,
  }) as const;

/** A flag for a time like 2h, in milliseconds. */
export const timeFlag = (brief: string) =>
  ({ kind: "parsed", parse: parseDuration, brief, placeholder: "time", optional: true }) as const;

/** A port number; 0 is any. */
export function port(word: string): number {
  const value = Number(word);
  if (!/^\d{1,5}$/.test(word) || value > 65_535)
    throw new ApplianceError("bad-request", `"${word}" is not a port`);
  return value;
}

/** "127.0.0.1:8080", "[::1]:8080" or ":8080". */
export function hostAndPort(word: string): { hostname: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(word);
  if (!match) throw new ApplianceError("bad-request", `"${word}" is not an address like 127.0.0.1:8080`);
  return { hostname: match[1] ?? (match[2] || "127.0.0.1"), port: port(match[3] ?? "") };
}

/** "192.168.7.50-192.168.7.99" */
export function addressRange(word: string): { first: string; last: string } {
  const match = /^(\d{1,3}(?:\.\d{1,3}){3})-(\d{1,3}(?:\.\d{1,3}){3})$/.exec(word);
  const [, first, last] = match ?? [];
  if (first === undefined || last === undefined)
    throw new ApplianceError("bad-request", `"${word}" is not a range like 192.168.7.50-192.168.7.99`);
  return { first, last };
}
