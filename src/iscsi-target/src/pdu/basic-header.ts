/**
 * Basic Header Segment, RFC 7143 section 11.2.1: the first 48 bytes of every PDU.
 *
 *      0               1               2               3
 *    +-+-+-----------+---------------+---------------+---------------+
 *   0|.|I| opcode    |F|  opcode-specific fields                     |
 *    +-+-+-----------+---------------+---------------+---------------+
 *   4| TotalAHSLength| DataSegmentLength                             |
 *    +---------------+-----------------------------------------------+
 *   8| LUN or opcode-specific fields (8 bytes)                       |
 *    +---------------------------------------------------------------+
 *  16| Initiator Task Tag                                            |
 *    +---------------------------------------------------------------+
 *  20| opcode-specific fields (28 bytes)                             |
 *    +---------------------------------------------------------------+
 *
 * After it: AHS (TotalAHSLength words of 4 bytes), header digest, data, padding to 4 bytes, data digest.
 */
import { getU24, getU8, setU24 } from "../wire/bytes.ts";

export const HEADER_BYTES = 48;
export const DIGEST_BYTES = 4;
/** The field counts words of four bytes in one byte. */
export const MAX_AHS_BYTES = 255 * 4;
/** "No tag": in ITT, TTT and SNACK tag fields. */
export const NO_TAG = 0xffffffff;

/** Section 11.2.1.2. */
export const REQUEST = {
  nopOut: 0x00,
  scsiCommand: 0x01,
  taskManagement: 0x02,
  login: 0x03,
  text: 0x04,
  dataOut: 0x05,
  logout: 0x06,
  snack: 0x10,
} as const;

export const RESPONSE = {
  nopIn: 0x20,
  scsiResponse: 0x21,
  taskManagement: 0x22,
  login: 0x23,
  text: 0x24,
  dataIn: 0x25,
  logout: 0x26,
  r2t: 0x31,
  asyncMessage: 0x32,
  reject: 0x3f,
} as const;

export const FINAL_BIT = 0x80;
export const CONTINUE_BIT = 0x40;
const IMMEDIATE_BIT = 0x40;

/** The two numbers by which the target opens and closes its command window; they end most responses. */
export interface Window {
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
}

export function opcodeOf(header: Uint8Array): number {
  return getU8(header, 0) & 0x3f;
}

export function isImmediate(header: Uint8Array): boolean {
  return (getU8(header, 0) & IMMEDIATE_BIT) !== 0;
}

/** First byte of a request. */
export function requestByte(opcode: number, immediate: boolean): number {
  return immediate ? opcode | IMMEDIATE_BIT : opcode;
}

export function ahsBytesOf(header: Uint8Array): number {
  return getU8(header, 4) * 4;
}

export function dataLengthOf(header: Uint8Array): number {
  return getU24(header, 5);
}

export function setDataLength(header: Uint8Array, at: number, length: number): void {
  setU24(header, at + 5, length);
}

/** Length on the wire of a data segment or AHS: padded to whole words. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}
