/**
 * Text keys of login and text PDUs, RFC 7143 section 6.1: `key=value` in UTF-8, each ended by a zero byte.
 */
import { ProtocolError } from "../wire/bytes.ts";

export type TextKey = readonly [key: string, value: string];

/** Section 6.1: a key name is 63 bytes at most. */
const MAX_KEY_BYTES = 63;
/** Section 6.1: 255 bytes unless stated otherwise; a CHAP value of 1024 bytes in hexadecimal is the longest stated. */
const MAX_VALUE_BYTES = 2 + 2 * 1024;
/** About thirty keys are known; several vendors add some of their own. */
const MAX_KEYS = 64;
/** Keys of one exchange, all PDUs of a continuation together: 64 usual keys fit many times over. */
export const MAX_TEXT_BYTES = 16 * 1024;

/** Section 6.1 wants a capital first; a key without one is merely one that nobody understands. */
const KEY_NAME = /^[A-Za-z][A-Za-z0-9.+@_#-]*$/;

/** Throws ProtocolError on anything that is not a list of pairs, on a key given twice (section 6.2), and beyond the limits. */
export function decodeTextKeys(bytes: Uint8Array): TextKey[] {
  const keys: TextKey[] = [];
  const seen = new Set<string>();
  for (const part of decodeUtf8(bytes).split("\0")) {
    // Some initiators (EDK2 among them) count the padding into the segment: empty parts are no keys.
    if (part === "") continue;
    const equals = part.indexOf("=");
    const key = part.slice(0, equals);
    if (equals < 1) throw new ProtocolError("a text key without a value");
    if (key.length > MAX_KEY_BYTES || !KEY_NAME.test(key)) throw new ProtocolError("a malformed key name");
    if (part.length - equals - 1 > MAX_VALUE_BYTES)
      throw new ProtocolError(`the value of ${key} is too long`);
    if (seen.has(key)) throw new ProtocolError(`${key} is given twice`);
    if (keys.length === MAX_KEYS) throw new ProtocolError(`more than ${MAX_KEYS} keys`);
    seen.add(key);
    keys.push([key, part.slice(equals + 1)]);
  }
  return keys;
}

export function encodeTextKeys(keys: readonly TextKey[]): Uint8Array {
  return new TextEncoder().encode(keys.map(([key, value]) => `${key}=${value}\0`).join(""));
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ProtocolError("text keys that are not UTF-8");
  }
}
