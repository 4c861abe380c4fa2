/**
 * NOP-Out and NOP-In, RFC 7143 sections 11.18 and 11.19: a ping of either side and its echo.
 *
 *      0               1               2               3
 *    +-+-+-----------+-+-------------+---------------+---------------+
 *   0|.|I| 0x00/0x20 |1| Reserved                                    |
 *   4| 0             | DataSegmentLength (ping data)                 |
 *   8| LUN or Reserved                                               |
 *  16| Initiator Task Tag, 0xffffffff: no answer is wanted by it     |
 *  20| Target Transfer Tag, 0xffffffff: not about a target's ping    |
 *  24| CmdSN (out) or StatSN (in)                                    |
 *  28| ExpStatSN (out) or ExpCmdSN (in)                              |
 *  32| Reserved (out) or MaxCmdSN (in)                               |
 *    +---------------------------------------------------------------+
 */
import { getU32, requireLength, setU32 } from "../wire/bytes.ts";
import {
  FINAL_BIT,
  HEADER_BYTES,
  REQUEST,
  RESPONSE,
  type Window,
  dataLengthOf,
  isImmediate,
  requestByte,
  setDataLength,
} from "./basic-header.ts";

export interface NopOut {
  readonly immediate: boolean;
  readonly taskTag: number;
  readonly transferTag: number;
  readonly cmdSn: number;
  readonly expStatSn: number;
  readonly dataLength: number;
}

export interface NopIn extends Window {
  readonly taskTag: number;
  readonly transferTag: number;
  readonly statSn: number;
  readonly dataLength: number;
}

export function decodeNopOut(header: Uint8Array): NopOut {
  requireLength(header, HEADER_BYTES, "NOP-Out");
  return {
    immediate: isImmediate(header),
    taskTag: getU32(header, 16),
    transferTag: getU32(header, 20),
    cmdSn: getU32(header, 24),
    expStatSn: getU32(header, 28),
    dataLength: dataLengthOf(header),
  };
}

export function encodeNopOut(nop: NopOut): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  header[0] = requestByte(REQUEST.nopOut, nop.immediate);
  header[1] = FINAL_BIT;
  setDataLength(header, 0, nop.dataLength);
  setU32(header, 16, nop.taskTag);
  setU32(header, 20, nop.transferTag);
  setU32(header, 24, nop.cmdSn);
  setU32(header, 28, nop.expStatSn);
  return header;
}

export function encodeNopIn(nop: NopIn, out: Uint8Array, at: number): void {
  out.fill(0, at, at + HEADER_BYTES);
  out[at] = RESPONSE.nopIn;
  out[at + 1] = FINAL_BIT;
  setDataLength(out, at, nop.dataLength);
  setU32(out, at + 16, nop.taskTag);
  setU32(out, at + 20, nop.transferTag);
  setU32(out, at + 24, nop.statSn);
  setU32(out, at + 28, nop.expCmdSn);
  setU32(out, at + 32, nop.maxCmdSn);
}

export function decodeNopIn(header: Uint8Array): NopIn {
  requireLength(header, HEADER_BYTES, "NOP-In");
  return {
    taskTag: getU32(header, 16),
    transferTag: getU32(header, 20),
    statSn: getU32(header, 24),
    expCmdSn: getU32(header, 28),
    maxCmdSn: getU32(header, 32),
    dataLength: dataLengthOf(header),
  };
}
