/**
 * The packets of TFTP (RFC 1350 section 5, RFC 2347).
 *
 *            2 bytes   string   1   string   1   string   1   string   1
 *   RRQ/WRQ | 01/02 | filename | 0 | mode   | 0 | option | 0 | value  | 0 | ...
 *            2 bytes   2 bytes   n bytes
 *   DATA    | 03    | block # | payload |
 *   ACK     | 04    | block # |
 *            2 bytes   2 bytes   string   1
 *   ERROR   | 05    | code    | message | 0 |
 *            2 bytes   string   1   string   1
 *   OACK    | 06    | option | 0 | value  | 0 | ...
 */
import { TftpError } from "./error-code.ts";

export const OPCODE = { rrq: 1, wrq: 2, data: 3, ack: 4, error: 5, oack: 6 } as const;

/** Bytes before the payload of a DATA packet. */
export const DATA_HEADER_BYTES = 4;

/** Options in the order of the packet, names in lower case (RFC 2347: "case insensitive"). */
export type OptionList = readonly (readonly [name: string, value: string])[];

/** `mode` is in lower case; which modes are served is for the receiver to say. */
export interface RequestPacket {
  readonly op: "rrq" | "wrq";
  readonly path: string;
  readonly mode: string;
  readonly options: OptionList;
}

export type Packet =
  | RequestPacket
  | { readonly op: "data"; readonly block: number; readonly payload: Uint8Array }
  | { readonly op: "ack"; readonly block: number }
  | { readonly op: "error"; readonly code: number; readonly message: string }
  | { readonly op: "oack"; readonly options: OptionList };

const strictText = new TextDecoder("utf-8", { fatal: true });
const looseText = new TextDecoder("utf-8");
const text = new TextEncoder();

/**
 * Reads one packet. The payload of DATA is a view of `bytes`.
 * Throws `TftpError` 4 on an unknown opcode, a packet that is too short, a string without its end, an option
 * without a value, and a name, mode or option that is not UTF-8.
 */
export function decodePacket(bytes: Uint8Array): Packet {
  const opcode = word(bytes, 0);
  switch (opcode) {
    case OPCODE.rrq:
    case OPCODE.wrq:
      return decodeRequest(opcode === OPCODE.rrq ? "rrq" : "wrq", bytes);
    case OPCODE.data:
      return { op: "data", block: word(bytes, 2), payload: bytes.subarray(DATA_HEADER_BYTES) };
    case OPCODE.ack:
      return { op: "ack", block: word(bytes, 2) };
    case OPCODE.error:
      return { op: "error", code: word(bytes, 2), message: errorMessage(bytes) };
    case OPCODE.oack:
      return { op: "oack", options: optionPairs(strings(bytes, 2)) };
    default:
      throw new TftpError("illegal-operation", `unknown opcode ${opcode}`);
  }
}

/** Writes one packet. A string with a NUL in it has no form on the wire: throws a RangeError. */
export function encodePacket(packet: Packet): Uint8Array {
  switch (packet.op) {
    case "rrq":
    case "wrq":
      return withStrings(OPCODE[packet.op], [packet.path, packet.mode, ...packet.options.flat()]);
    case "oack":
      return withStrings(OPCODE.oack, packet.options.flat());
    case "data": {
      const bytes = new Uint8Array(DATA_HEADER_BYTES + packet.payload.length);
      writeDataHeader(bytes, 0, packet.block);
      bytes.set(packet.payload, DATA_HEADER_BYTES);
      return bytes;
    }
    case "ack":
      return Uint8Array.of(0, OPCODE.ack, (packet.block >> 8) & 0xff, packet.block & 0xff);
    case "error":
      return encodeError(packet.code, packet.message);
  }
}

/** Writes the header of a DATA packet in place; the block number wraps from 65535 to 0. */
export function writeDataHeader(target: Uint8Array, offset: number, block: number): void {
  target[offset] = 0;
  target[offset + 1] = OPCODE.data;
  target[offset + 2] = (block >> 8) & 0xff;
  target[offset + 3] = block & 0xff;
}

function encodeError(code: number, message: string): Uint8Array {
  const words = text.encode(message.replaceAll("\0", " "));
  const bytes = new Uint8Array(4 + words.length + 1);
  bytes.set([0, OPCODE.error, (code >> 8) & 0xff, code & 0xff]);
  bytes.set(words, 4);
  return bytes;
}

function decodeRequest(op: "rrq" | "wrq", bytes: Uint8Array): RequestPacket {
  const [path, mode, ...options] = strings(bytes, 2);
  if (path === undefined || mode === undefined)
    throw new TftpError("illegal-operation", "a request needs a file name and a mode");
  return { op, path, mode: mode.toLowerCase(), options: optionPairs(options) };
}

function optionPairs(list: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] ?? "";
    const value = list[i + 1];
    // Boot ROMs that send a request out of a fixed buffer leave NULs behind its end.
    if (list.slice(i).every((s) => s === "")) break;
    if (name === "") throw new TftpError("illegal-operation", "an option has no name");
    if (value === undefined) throw new TftpError("illegal-operation", `option ${name} has no value`);
    pairs.push([name.toLowerCase(), value]);
  }
  return pairs;
}

/** NUL-terminated strings up to the end of the packet. */
function strings(bytes: Uint8Array, start: number): string[] {
  const found: string[] = [];
  for (let at = start; at < bytes.length;) {
    const end = bytes.indexOf(0, at);
    if (end < 0) throw new TftpError("illegal-operation", "a string does not end");
    found.push(strictString(bytes.subarray(at, end)));
    at = end + 1;
  }
  return found;
}

function strictString(bytes: Uint8Array): string {
  try {
    return strictText.decode(bytes);
  } catch (cause) {
    throw Object.assign(new TftpError("illegal-operation", "a string is not UTF-8"), { cause });
  }
}

/** Lenient: an ERROR is never answered, and firmware that leaves the NUL out still means what it says. */
function errorMessage(bytes: Uint8Array): string {
  const end = bytes.indexOf(0, 4);
  return looseText.decode(bytes.subarray(4, end < 0 ? bytes.length : end));
}

function withStrings(opcode: number, list: readonly string[]): Uint8Array {
  if (list.some((s) => s.includes("\0"))) throw new RangeError("a string of a TFTP packet has a NUL in it");
  return text.encode(`\0${String.fromCharCode(opcode)}${list.map((s) => `${s}\0`).join("")}`);
}

function word(bytes: Uint8Array, offset: number): number {
  const high = bytes[offset];
  const low = bytes[offset + 1];
  if (high === undefined || low === undefined)
    throw new TftpError("illegal-operation", `a packet of ${bytes.length} bytes is too short`);
  return (high << 8) | low;
}
