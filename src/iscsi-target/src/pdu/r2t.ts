/**
 * Ready To Transfer, RFC 7143 section 11.8.
 *
 *      0               1               2               3
 *    +-+-+-----------+-+-------------+---------------+---------------+
 *   0|.|.| 0x31      |1| Reserved                                    |
 *   4| 0             | 0                                             |
 *   8| LUN                                                           |
 *  16| Initiator Task Tag                                            |
 *  20| Target Transfer Tag                                           |
 *  24| StatSN (the next one, not consumed)                           |
 *  28| ExpCmdSN                                                      |
 *  32| MaxCmdSN                                                      |
 *  36| R2TSN                                                         |
 *  40| Buffer Offset                                                 |
 *  44| Desired Data Transfer Length                                  |
 *    +---------------------------------------------------------------+
 */
import { getU32, requireLength, setU32 } from "../wire/bytes.ts";
import { FINAL_BIT, HEADER_BYTES, RESPONSE, type Window } from "./basic-header.ts";
import { decodeLun, encodeLun } from "./lun.ts";

export interface R2t extends Window {
  readonly lun: number;
  readonly taskTag: number;
  readonly transferTag: number;
  readonly statSn: number;
  readonly r2tSn: number;
  readonly bufferOffset: number;
  readonly desiredLength: number;
}

export function encodeR2t(r2t: R2t, out: Uint8Array, at: number): void {
  out.fill(0, at, at + HEADER_BYTES);
  out[at] = RESPONSE.r2t;
  out[at + 1] = FINAL_BIT;
  encodeLun(r2t.lun, out, at + 8);
  setU32(out, at + 16, r2t.taskTag);
  setU32(out, at + 20, r2t.transferTag);
  setU32(out, at + 24, r2t.statSn);
  setU32(out, at + 28, r2t.expCmdSn);
  setU32(out, at + 32, r2t.maxCmdSn);
  setU32(out, at + 36, r2t.r2tSn);
  setU32(out, at + 40, r2t.bufferOffset);
  setU32(out, at + 44, r2t.desiredLength);
}

export function decodeR2t(header: Uint8Array): R2t {
  requireLength(header, HEADER_BYTES, "R2T");
  return {
    lun: decodeLun(header, 8),
    taskTag: getU32(header, 16),
    transferTag: getU32(header, 20),
    statSn: getU32(header, 24),
    expCmdSn: getU32(header, 28),
    maxCmdSn: getU32(header, 32),
    r2tSn: getU32(header, 36),
    bufferOffset: getU32(header, 40),
    desiredLength: getU32(header, 44),
  };
}
