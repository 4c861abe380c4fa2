/**
 * DHCP option 43 between the boot shim and this server. The shim calls itself `pinetboot` in option 60; what option 43
 * holds is then ours (RFC 2132 section 8.4), in parts of the usual form: code, length, value.
 *
 *   answered:  01 len ADDRESS:PORT of the boot endpoint, text    02 len name of this computer, text
 *   asked:     03 len serial number of the Pi, text
 */
import { type DhcpMessage, type DhcpOptions, makeOptions, readOption } from "dhcp4-ts";

/** Option 60 of the shim. */
export const SHIM_CLASS = "pinetboot";

const PART = { endpoint: 1, name: 2, serial: 3 } as const;

/** A part's length is one byte; no host name is longer. */
const PART_MAX_BYTES = 64;

/** What a shim sends of its Pi; undefined when the message is not the shim's. */
export function shimOf(message: DhcpMessage): { readonly serial: string | undefined } | undefined {
  if (readOption(message.options, "vendorClass") !== SHIM_CLASS) return undefined;
  const parts = readOption(message.options, "vendorOptions");
  const serial = parts && partOf(parts, PART.serial);
  return { serial: serial !== undefined && /^[0-9a-f]{1,16}$/i.test(serial) ? serial : undefined };
}

/** Option 43 that names a boot endpoint. `name` is the computer's, of which only plain letters are kept. */
export function endpointOption(address: string, port: number, name: string): DhcpOptions {
  const plain = name.replaceAll(/[^\w.-]/g, "").slice(0, PART_MAX_BYTES);
  return makeOptions({
    vendorOptions: Uint8Array.from([
      ...part(PART.endpoint, `${address}:${port}`),
      ...(plain === "" ? [] : part(PART.name, plain)),
    ]),
  });
}

function part(code: number, text: string): number[] {
  const bytes = new TextEncoder().encode(text);
  return [code, bytes.length, ...bytes];
}

function partOf(parts: Uint8Array, wanted: number): string | undefined {
  for (let at = 0; at + 2 <= parts.length;) {
    const code = parts[at];
    const length = parts[at + 1] ?? 0;
    if (at + 2 + length > parts.length) return undefined;
    if (code === wanted) return new TextDecoder().decode(parts.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return undefined;
}
