/**
 * Asynchronous Message, RFC 7143 section 11.9: what the target has to say without having been asked.
 *
 *      0               1               2               3
 *    +-+-+-----------+-+-------------+---------------+---------------+
 *   0|.|.| 0x32      |1| Reserved                                    |
 *   4| 0             | DataSegmentLength (sense data, unused here)   |
 *   8| LUN or Reserved                                               |
 *  16| 0xffffffff                                                    |
 *  20| Reserved                                                      |
 *  24| StatSN                                                        |
 *  28| ExpCmdSN                                                      |
 *  32| MaxCmdSN                                                      |
 *  36| AsyncEvent    | AsyncVCode    | Parameter1                    |
 *  40| Parameter2                    | Parameter3                    |
 *    +---------------------------------------------------------------+
 */
import { getU16, getU32, getU8, requireLength, setU16, setU32 } from "../wire/bytes.ts";
import { FINAL_BIT, HEADER_BYTES, NO_TAG, RESPONSE, type Window } from "./basic-header.ts";

export const ASYNC_EVENT = {
  /** The initiator is to log out; Parameter3 is the time it has for that. */
  logoutRequest: 1,
  /** Every connection of the session will be dropped; Parameter2 and 3 are Time2Wait and Time2Retain. */
  droppingSession: 3,
} as const;

export interface AsyncMessage extends Window {
  readonly event: number;
  readonly statSn: number;
  readonly parameter1: number;
  /** Seconds. */
  readonly parameter2: number;
  /** Seconds. */
  readonly parameter3: number;
}

export function encodeAsyncMessage(message: AsyncMessage, out: Uint8Array, at: number): void {
  out.fill(0, at, at + HEADER_BYTES);
  out[at] = RESPONSE.asyncMessage;
  out[at + 1] = FINAL_BIT;
  setU32(out, at + 16, NO_TAG);
  setU32(out, at + 24, message.statSn);
  setU32(out, at + 28, message.expCmdSn);
  setU32(out, at + 32, message.maxCmdSn);
  out[at + 36] = message.event;
  setU16(out, at + 38, message.parameter1);
  setU16(out, at + 40, message.parameter2);
  setU16(out, at + 42, message.parameter3);
}

export function decodeAsyncMessage(header: Uint8Array): AsyncMessage {
  requireLength(header, HEADER_BYTES, "Asynchronous Message");
  return {
    event: getU8(header, 36),
    statSn: getU32(header, 24),
    expCmdSn: getU32(header, 28),
    maxCmdSn: getU32(header, 32),
    parameter1: getU16(header, 38),
    parameter2: getU16(header, 40),
    parameter3: getU16(header, 42),
  };
}
