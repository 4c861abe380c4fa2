/** wpa_supplicant.conf for a card, from a network's name and password. */
import { ShimError } from "../support/shim-error.ts";

export interface WifiNetwork {
  readonly ssid: string;
  /** A passphrase of 8 to 63 characters, or 64 hex digits; undefined for an open network. */
  readonly psk: string | undefined;
  /** Two letters (ISO 3166), which say what the radio may use; undefined leaves the world's narrowest rules. */
  readonly country: string | undefined;
}

const SSID_MAX_BYTES = 32;

/** Renders the file. Throws ShimError "bad-wifi" for what no access point can be called or protected by. */
export function renderWifiFile({ ssid, psk, country }: WifiNetwork): string {
  const name = Buffer.from(ssid);
  if (name.length === 0 || name.length > SSID_MAX_BYTES)
    throw new ShimError("bad-wifi", `a WiFi name has 1 to ${SSID_MAX_BYTES} bytes, not ${name.length}`);
  if (country !== undefined && !/^[A-Za-z]{2}$/.test(country))
    throw new ShimError(
      "bad-wifi",
      `"${country}" is not a country in two letters`,
      "For example: --wifi-country DE",
    );
  return [
    ...(country === undefined ? [] : [`country=${country.toUpperCase()}`]),
    "network={",
    // In hex: quotes, spaces and any other byte mean themselves.
    `    ssid=${name.toString("hex")}`,
    "    scan_ssid=1",
    psk === undefined ? "    key_mgmt=NONE" : `    psk=${key(psk)}`,
    "}",
    "",
  ].join("\n");
}

/** wpa_supplicant ends a quoted word at its last quote, so that quotes inside it are harmless. */
function key(psk: string): string {
  if (/^[0-9a-fA-F]{64}$/.test(psk)) return psk;
  if (!/^[\x20-\x7e]{8,63}$/.test(psk))
    throw new ShimError(
      "bad-wifi",
      "a WiFi password has 8 to 63 letters, digits and signs of ASCII, or 64 hex digits",
    );
  return `"${psk}"`;
}
