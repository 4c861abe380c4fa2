/** What a Pi is to be like when it starts for the first time: asked for by a person, checked here, kept without plain secrets. */
import { pbkdf2Sync } from "node:crypto";
import { ApplianceError } from "../errors.ts";
import { isSshKey } from "./ssh-key.ts";
import { sha512Crypt } from "./sha512-crypt.ts";

/** As a person says it. */
export interface CustomiseRequest {
  /** Host name, machine id and host keys stay those of the image. */
  readonly keepNames?: boolean | undefined;
  readonly hostname?: string | undefined;
  readonly user?: string | undefined;
  /** In the clear; only its hash is kept. */
  readonly password?: string | undefined;
  /** As in /etc/shadow, for who does not want to say the password. */
  readonly passwordHash?: string | undefined;
  /** Default: when there are keys, or a password. */
  readonly ssh?: boolean | undefined;
  readonly sshKeys?: readonly string[] | undefined;
  readonly wifi?: WifiRequest | undefined;
  readonly locale?: string | undefined;
  readonly keyboard?: string | undefined;
  readonly timezone?: string | undefined;
}

export interface WifiRequest {
  readonly ssid: string;
  /** Undefined for an open network. */
  readonly password?: string | undefined;
  /** Two letters: the radio stays off until it knows where it is. */
  readonly country: string;
  readonly hidden?: boolean | undefined;
}

/** As it is kept. */
export interface Customisation {
  readonly keepNames?: boolean | undefined;
  readonly hostname?: string | undefined;
  readonly user?: { readonly name: string; readonly passwordHash: string | null } | undefined;
  readonly ssh?: boolean | undefined;
  readonly sshKeys?: readonly string[] | undefined;
  readonly wifi?: Wifi | undefined;
  readonly locale?: string | undefined;
  readonly keyboard?: string | undefined;
  readonly timezone?: string | undefined;
}

export interface Wifi {
  readonly ssid: string;
  /** The key made of name and password, 64 hex digits; null for an open network. */
  readonly psk: string | null;
  readonly country: string;
  readonly hidden: boolean;
}

/** RFC 1123, one label: what `hostname` and the network's name server both take. */
const HOSTNAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;
/** What Raspberry Pi OS takes as the name of its first user. */
const USER = /^[a-z][a-z0-9-]{0,31}$/;
/** SHA-256, SHA-512, yescrypt, bcrypt. */
const PASSWORD_HASH = /^\$(?:5|6|y|2[aby])\$[./0-9A-Za-z$=,]{1,250}$/;
const MAX_PASSWORD_CHARACTERS = 256;
const MAX_SSH_KEYS = 32;
const MAX_SSID_BYTES = 32;
const WIFI_PASSPHRASE = /^[\x20-\x7e]{8,63}$/;
const WIFI_KEY = /^[0-9a-f]{64}$/i;
const COUNTRY = /^[A-Z]{2}$/;
const LOCALE = /^([a-z]{2,3}_[A-Z]{2})(?:\.([A-Za-z0-9-]{1,16}))?(@[a-z]{1,16})?$/;
const KEYBOARD = /^[a-z]{2,16}$/;
const TIMEZONE = /^[A-Za-z0-9_+-]{1,32}(?:\/[A-Za-z0-9_+-]{1,32}){0,2}$/;
/** What WPA makes a key of: PBKDF2 with the network's name as salt (IEEE 802.11, annex J). */
const WPA = { rounds: 4096, bytes: 32, digest: "sha1" } as const;

/** Checks what a person wants. Throws "bad-request", saying which of it cannot be and why. */
export function checkCustomisation(request: CustomiseRequest): Customisation {
  const { hostname, keepNames, ssh, sshKeys = [], locale, keyboard, timezone } = request;
  if (keepNames === true && hostname !== undefined) throw refuse("The image's own names, and a host name");
  if (hostname !== undefined && !HOSTNAME.test(hostname))
    throw refuse(
      `${quoted(hostname)} is no host name`,
      "Letters, digits and dashes, 63 at most, like kitchen-pi.",
    );
  if (keyboard !== undefined && !KEYBOARD.test(keyboard))
    throw refuse(`${quoted(keyboard)} is no keyboard layout`, "Two letters mostly: gb, us, de.");
  if (timezone !== undefined && !isTimezone(timezone))
    throw refuse(
      `${quoted(timezone)} is no time zone`,
      "A place of the time zone database, like Europe/Berlin.",
    );
  if (sshKeys.length > MAX_SSH_KEYS) throw refuse(`More than ${MAX_SSH_KEYS} SSH keys`);
  const keys = sshKeys.map((key) => key.trim());
  for (const key of keys)
    if (!isSshKey(key))
      throw refuse(
        `${quoted(key.slice(0, 40))} is no public SSH key`,
        "One line as in ~/.ssh/id_ed25519.pub: ssh-ed25519 AAAA... comment.",
      );
  const user = checkUser(request, keys);
  return withoutGaps({
    keepNames: keepNames === true ? true : undefined,
    hostname,
    user,
    ssh: ssh ?? (keys.length > 0 || (user !== undefined && user.passwordHash !== null) ? true : undefined),
    sshKeys: keys.length > 0 ? keys : undefined,
    wifi: request.wifi && checkWifi(request.wifi),
    locale: locale === undefined ? undefined : checkLocale(locale),
    keyboard,
    timezone,
  });
}

function checkUser(
  { user, password, passwordHash }: CustomiseRequest,
  keys: readonly string[],
): Customisation["user"] {
  if (user === undefined) {
    if (password !== undefined || passwordHash !== undefined)
      throw refuse("A password without a user", "Say whose it is: --user NAME.");
    if (keys.length > 0) throw refuse("SSH keys without a user", "Say whose they are: --user NAME.");
    return undefined;
  }
  if (!USER.test(user) || user === "root")
    throw refuse(
      `${quoted(user)} is no name for the user`,
      "Small letters, digits and dashes, 32 at most, a letter first, and not root.",
    );
  if (password !== undefined && passwordHash !== undefined) throw refuse("A password and a hash of one");
  if (passwordHash !== undefined && !PASSWORD_HASH.test(passwordHash))
    throw refuse("The password hash is none of crypt's", "Make one: openssl passwd -6");
  if (
    password !== undefined &&
    (password === "" || password.length > MAX_PASSWORD_CHARACTERS || /\p{Cc}/u.test(password))
  )
    throw refuse(`The password is empty, longer than ${MAX_PASSWORD_CHARACTERS}, or has control characters`);
  if (password === undefined && passwordHash === undefined && keys.length === 0)
    throw refuse(`Nobody could log in as ${user}`, "Give a password or an SSH key too.");
  return {
    name: user,
    passwordHash: passwordHash ?? (password === undefined ? null : sha512Crypt(password)),
  };
}

function checkWifi({ ssid, password, country, hidden = false }: WifiRequest): Wifi {
  const bytes = Buffer.byteLength(ssid);
  if (bytes === 0 || bytes > MAX_SSID_BYTES || /\p{Cc}/u.test(ssid))
    throw refuse(`${quoted(ssid)} is no name of a WiFi network`, `1 to ${MAX_SSID_BYTES} bytes.`);
  if (!COUNTRY.test(country.toUpperCase()))
    throw refuse(`${quoted(country)} is no country`, "Two letters, like DE: WiFi stays off without it.");
  const isKey = password !== undefined && WIFI_KEY.test(password);
  if (password !== undefined && !isKey && !WIFI_PASSPHRASE.test(password))
    throw refuse("The WiFi password has not 8 to 63 plain characters");
  const psk =
    password === undefined
      ? null
      : isKey
        ? password.toLowerCase()
        : pbkdf2Sync(password, ssid, WPA.rounds, WPA.bytes, WPA.digest).toString("hex");
  return { ssid, psk, country: country.toUpperCase(), hidden };
}

function checkLocale(locale: string): string {
  const [, place, charset = "UTF-8", variant = ""] = LOCALE.exec(locale) ?? [];
  if (place === undefined) throw refuse(`${quoted(locale)} is no locale`, "Like de_DE.UTF-8.");
  return `${place}.${charset}${variant}`;
}

function isTimezone(timezone: string): boolean {
  if (!TIMEZONE.test(timezone)) return false;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: timezone }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

function withoutGaps(customisation: Customisation): Customisation {
  return Object.fromEntries(Object.entries(customisation).filter(([, value]) => value !== undefined));
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

function refuse(message: string, fix?: string): ApplianceError {
  return new ApplianceError("bad-request", message, fix);
}
