/**
 * SCSI Response, RFC 7143 section 11.4. Sense data travels in the data segment after a two-byte length.
 *
 *      0               1               2               3
 *    +-+-+-----------+-+-+-+-+-+-+-+-+---------------+---------------+
 *   0|.|.| 0x21      |1|. .|o|u|O|U|.| Response      | Status        |
 *   4| 0             | DataSegmentLength                             |
 *   8| Reserved                                                      |
 *  16| Initiator Task Tag                                            |
 *  20| SNACK Tag or Reserved                                         |
 *  24| StatSN                                                        |
 *  28| ExpCmdSN                                                      |
 *  32| MaxCmdSN                                                      |
 *  36| ExpDataSN or Reserved                                         |
 *  40| Bidirectional Read Residual Count or Reserved                 |
 *  44| Residual Count or Reserved                                    |
 *    +---------------------------------------------------------------+
 */
import { getU16, getU32, getU8, requireLength, setU16, setU32 } from "../wire/bytes.ts";
import { FINAL_BIT, HEADER_BYTES, RESPONSE, type Window, setDataLength } from "./basic-header.ts";

/** How many bytes short of, or beyond, the expected length the command was. */
export interface Residual {
  readonly kind: "none" | "underflow" | "overflow";
  readonly count: number;
}

export const NO_RESIDUAL: Residual = { kind: "none", count: 0 };

/** What the initiator expected against what the command is about (section 11.4.5.1). */
export function residualOf(expectedLength: number, actualLength: number): Residual {
  if (expectedLength === actualLength) return NO_RESIDUAL;
  return actualLength < expectedLength
    ? { kind: "underflow", count: expectedLength - actualLength }
    : { kind: "overflow", count: actualLength - expectedLength };
}

export interface ScsiResponse extends Window {
  readonly taskTag: number;
  /** SAM-5 status: 0 GOOD, 2 CHECK CONDITION, ... */
  readonly status: number;
  readonly statSn: number;
  /** Number of Data-In and R2T PDUs that the command caused. */
  readonly expDataSn: number;
  readonly residual: Residual;
  readonly bidiReadResidual: Residual;
  /** Empty without sense data. */
  readonly sense: Uint8Array;
}

const UNDERFLOW_BIT = 0x02;
const OVERFLOW_BIT = 0x04;
const BIDI_UNDERFLOW_BIT = 0x08;
const BIDI_OVERFLOW_BIT = 0x10;

/** Bytes of the data segment that carries this sense data. */
export function senseSegmentBytes(sense: Uint8Array): number {
  return sense.length === 0 ? 0 : sense.length + 2;
}

/** Writes header and sense segment at `at` (digests and padding are the caller's); returns the segment's length. */
export function encodeScsiResponse(
  response: ScsiResponse,
  out: Uint8Array,
  at: number,
  dataAt: number,
): number {
  const { residual, bidiReadResidual, sense } = response;
  const dataLength = senseSegmentBytes(sense);
  out.fill(0, at, at + HEADER_BYTES);
  out[at] = RESPONSE.scsiResponse;
  out[at + 1] =
    FINAL_BIT |
    (residual.kind === "underflow" ? UNDERFLOW_BIT : 0) |
    (residual.kind === "overflow" ? OVERFLOW_BIT : 0) |
    (bidiReadResidual.kind === "underflow" ? BIDI_UNDERFLOW_BIT : 0) |
    (bidiReadResidual.kind === "overflow" ? BIDI_OVERFLOW_BIT : 0);
  out[at + 3] = response.status;
  setDataLength(out, at, dataLength);
  setU32(out, at + 16, response.taskTag);
  setU32(out, at + 24, response.statSn);
  setU32(out, at + 28, response.expCmdSn);
  setU32(out, at + 32, response.maxCmdSn);
  setU32(out, at + 36, response.expDataSn);
  setU32(out, at + 40, bidiReadResidual.count);
  setU32(out, at + 44, residual.count);
  if (dataLength > 0) {
    setU16(out, dataAt, sense.length);
    out.set(sense, dataAt + 2);
  }
  return dataLength;
}

export function decodeScsiResponse(header: Uint8Array, data: Uint8Array): ScsiResponse {
  requireLength(header, HEADER_BYTES, "SCSI Response");
  const flags = getU8(header, 1);
  let sense = new Uint8Array(0);
  if (data.length > 0) {
    requireLength(data, 2, "sense length");
    requireLength(data, 2 + getU16(data, 0), "sense data");
    sense = data.slice(2, 2 + getU16(data, 0));
  }
  return {
    taskTag: getU32(header, 16),
    status: getU8(header, 3),
    statSn: getU32(header, 24),
    expCmdSn: getU32(header, 28),
    maxCmdSn: getU32(header, 32),
    expDataSn: getU32(header, 36),
    residual: decodeResidual(flags, UNDERFLOW_BIT, OVERFLOW_BIT, getU32(header, 44)),
    bidiReadResidual: decodeResidual(flags, BIDI_UNDERFLOW_BIT, BIDI_OVERFLOW_BIT, getU32(header, 40)),
    sense,
  };
}

export function decodeResidual(flags: number, under: number, over: number, count: number): Residual {
  if (flags & under) return { kind: "underflow", count };
  return flags & over ? { kind: "overflow", count } : NO_RESIDUAL;
}
