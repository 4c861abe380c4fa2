/**
 * Reject, RFC 7143 section 11.17. Its data segment is the header (48 bytes) that was refused.
 *
 *      0               1               2               3
 *    +-+-+-----------+-+-------------+---------------+---------------+
 *   0|.|.| 0x3f      |1| Reserved    | Reason        | Reserved      |
 *   4| 0             | DataSegmentLength                             |
 *   8| Reserved                                                      |
 *  16| 0xffffffff                                                    |
 *  20| Reserved                                                      |
 *  24| StatSN                                                        |
 *  28| ExpCmdSN                                                      |
 *  32| MaxCmdSN                                                      |
 *  36| DataSN or R2TSN or Reserved                                   |
 *    +---------------------------------------------------------------+
 */
import { getU32, getU8, requireLength, setU32 } from "../wire/bytes.ts";
import { FINAL_BIT, HEADER_BYTES, NO_TAG, RESPONSE, type Window, setDataLength } from "./basic-header.ts";

export const REJECT_REASON = {
  dataDigest: 0x02,
  snack: 0x03,
  protocolError: 0x04,
  commandNotSupported: 0x05,
  tooManyImmediate: 0x06,
  taskInProgress: 0x07,
  invalidPduField: 0x09,
  longOperation: 0x0a,
} as const;

export interface Reject extends Window {
  readonly reason: number;
  readonly statSn: number;
  /** The refused header. */
  readonly refused: Uint8Array;
}

/** Writes the header at `at` and the refused one, as data, at `dataAt`. */
export function encodeReject(reject: Reject, out: Uint8Array, at: number, dataAt: number): void {
  out.fill(0, at, at + HEADER_BYTES);
  out[at] = RESPONSE.reject;
  out[at + 1] = FINAL_BIT;
  out[at + 2] = reject.reason;
  setDataLength(out, at, HEADER_BYTES);
  setU32(out, at + 16, NO_TAG);
  setU32(out, at + 24, reject.statSn);
  setU32(out, at + 28, reject.expCmdSn);
  setU32(out, at + 32, reject.maxCmdSn);
  out.set(reject.refused.subarray(0, HEADER_BYTES), dataAt);
}

export function decodeReject(header: Uint8Array, data: Uint8Array): Reject {
  requireLength(header, HEADER_BYTES, "Reject");
  requireLength(data, HEADER_BYTES, "refused header");
  return {
    reason: getU8(header, 2),
    statSn: getU32(header, 24),
    expCmdSn: getU32(header, 28),
    maxCmdSn: getU32(header, 32),
    refused: data.slice(0, HEADER_BYTES),
  };
}
