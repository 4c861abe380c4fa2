/** The flags that say what a Pi is to be like at its first start, and the request that they make. */
import { readFileSync } from "node:fs";
import type { z } from "zod";
import { ApplianceError, wordsOf } from "../appliance/index.ts";
import type { CustomiseSchema } from "../web/index.ts";
import { text } from "./flags.ts";

export interface CustomiseFlags {
  readonly hostname?: string;
  readonly "keep-names": boolean;
  readonly user?: string;
  readonly password?: string;
  readonly "password-file"?: string;
  readonly "password-hash"?: string;
  readonly ssh?: boolean;
  readonly "ssh-key"?: readonly string[];
  readonly wifi?: string;
  readonly "wifi-password"?: string;
  readonly "wifi-password-file"?: string;
  readonly "wifi-country"?: string;
  readonly "wifi-hidden": boolean;
  readonly locale?: string;
  readonly keyboard?: string;
  readonly timezone?: string;
}

const word = (brief: string, placeholder: string) =>
  ({ kind: "parsed", parse: text, brief, placeholder, optional: true }) as const;
const yes = (brief: string) => ({ kind: "boolean", brief, default: false, withNegated: false }) as const;

export const customiseFlags = {
  hostname: word("Host name (default: pi- and the serial number)", "name"),
  "keep-names": yes("Leave host name, machine id and SSH host keys as the image has them"),
  user: word("Name of the user that can log in", "name"),
  password: word("The user's password (a file keeps it out of the list of processes)", "word"),
  "password-file": word("File with the user's password; - is the standard input", "file"),
  "password-hash": word("Hash of the password, as openssl passwd -6 makes it", "hash"),
  ssh: { kind: "boolean", brief: "Run the SSH server (default: with a key or a password)", optional: true },
  "ssh-key": {
    kind: "parsed",
    parse: text,
    brief: "Public SSH key that may log in, or a file of such; several times for several",
    placeholder: "key",
    optional: true,
    variadic: true,
  },
  wifi: word("WiFi network to join", "ssid"),
  "wifi-password": word("Its password", "word"),
  "wifi-password-file": word("File with its password; - is the standard input", "file"),
  "wifi-country": word("Country of the WiFi, like DE: the radio stays off without it", "code"),
  "wifi-hidden": yes("The network does not tell its name"),
  locale: word("Language and place, like de_DE.UTF-8", "locale"),
  keyboard: word("Keyboard layout, like de", "layout"),
  timezone: word("Time zone, like Europe/Berlin", "zone"),
} as const;

/** What the flags ask for; undefined when they ask for nothing. */
export function customiseRequest(flags: CustomiseFlags): z.infer<typeof CustomiseSchema> | undefined {
  const { hostname, user, ssh, wifi: ssid, locale, keyboard, timezone } = flags;
  const password = flags.password ?? secretOf(flags["password-file"]);
  const wifiPassword = flags["wifi-password"] ?? secretOf(flags["wifi-password-file"]);
  const country = flags["wifi-country"];
  if (ssid === undefined && (wifiPassword !== undefined || country !== undefined || flags["wifi-hidden"]))
    throw new ApplianceError("bad-request", "Something of a WiFi without its name", "Add --wifi SSID.");
  if (ssid !== undefined && country === undefined)
    throw new ApplianceError("bad-request", "A WiFi without a country", "Add --wifi-country, like DE.");
  const asked = {
    hostname,
    keep_names: flags["keep-names"] ? true : undefined,
    user,
    password,
    password_hash: flags["password-hash"],
    ssh,
    ssh_keys: flags["ssh-key"]?.flatMap(keysOf),
    wifi:
      ssid === undefined || country === undefined
        ? undefined
        : { ssid, password: wifiPassword, country, hidden: flags["wifi-hidden"] },
    locale,
    keyboard,
    timezone,
  };
  return Object.values(asked).some((value) => value !== undefined) ? asked : undefined;
}

/** A key has a space in it, and the name of its type in front. */
function keysOf(given: string): string[] {
  if (/^[a-z0-9@.-]+ /.test(given)) return [given];
  return readText(given)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

function secretOf(file: string | undefined): string | undefined {
  return file === undefined ? undefined : readText(file).replace(/\r?\n$/, "");
}

function readText(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new ApplianceError("bad-request", `${file} cannot be read: ${wordsOf(error)}`);
  }
}
