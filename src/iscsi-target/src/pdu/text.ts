/**
 * Text Request and Response, RFC 7143 sections 11.10 and 11.11.
 *
 *      0               1               2               3
 *    +-+-+-----------+-+-+-----------+---------------+---------------+
 *   0|.|I| 0x04/0x24 |F|C| Reserved                                  |
 *   4| 0             | DataSegmentLength (text keys)                 |
 *   8| LUN or Reserved                                               |
 *  16| Initiator Task Tag                                            |
 *  20| Target Transfer Tag, 0xffffffff: a new exchange, or the end   |
 *  24| CmdSN (request) or StatSN (response)                          |
 *  28| ExpStatSN (request) or ExpCmdSN (response)                    |
 *  32| Reserved (request) or MaxCmdSN (response)                     |
 *    +---------------------------------------------------------------+
 */
import { getU32, getU8, requireLength, setU32 } from "../wire/bytes.ts";
import {
  CONTINUE_BIT,
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

export interface TextRequest {
  readonly immediate: boolean;
  readonly final: boolean;
  readonly continues: boolean;
  readonly taskTag: number;
  readonly transferTag: number;
  readonly cmdSn: number;
  readonly expStatSn: number;
  readonly dataLength: number;
}

export interface TextResponse extends Window {
  readonly final: boolean;
  readonly continues: boolean;
  readonly taskTag: number;
  readonly transferTag: number;
  readonly statSn: number;
  readonly dataLength: number;
}

export function decodeTextRequest(header: Uint8Array): TextRequest {
  requireLength(header, HEADER_BYTES, "Text Request");
  return {
    immediate: isImmediate(header),
    final: (getU8(header, 1) & FINAL_BIT) !== 0,
    continues: (getU8(header, 1) & CONTINUE_BIT) !== 0,
    taskTag: getU32(header, 16),
    transferTag: getU32(header, 20),
    cmdSn: getU32(header, 24),
    expStatSn: getU32(header, 28),
    dataLength: dataLengthOf(header),
  };
}

export function encodeTextRequest(text: TextRequest): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  header[0] = requestByte(REQUEST.text, text.immediate);
  header[1] = (text.final ? FINAL_BIT : 0) | (text.continues ? CONTINUE_BIT : 0);
  setDataLength(header, 0, text.dataLength);
  setU32(header, 16, text.taskTag);
  setU32(header, 20, text.transferTag);
  setU32(header, 24, text.cmdSn);
  setU32(header, 28, text.expStatSn);
  return header;
}

export function encodeTextResponse(text: TextResponse, out: Uint8Array, at: number): void {
  out.fill(0, at, at + HEADER_BYTES);
  out[at] = RESPONSE.text;
  out[at + 1] = (text.final ? FINAL_BIT : 0) | (text.continues ? CONTINUE_BIT : 0);
  setDataLength(out, at, text.dataLength);
  setU32(out, at + 16, text.taskTag);
  setU32(out, at + 20, text.transferTag);
  setU32(out, at + 24, text.statSn);
  setU32(out, at + 28, text.expCmdSn);
  setU32(out, at + 32, text.maxCmdSn);
}

export function decodeTextResponse(header: Uint8Array): TextResponse {
  requireLength(header, HEADER_BYTES, "Text Response");
  return {
    final: (getU8(header, 1) & FINAL_BIT) !== 0,
    continues: (getU8(header, 1) & CONTINUE_BIT) !== 0,
    taskTag: getU32(header, 16),
    transferTag: getU32(header, 20),
    statSn: getU32(header, 24),
    expCmdSn: getU32(header, 28),
    maxCmdSn: getU32(header, 32),
    dataLength: dataLengthOf(header),
  };
}
