/**
 * SCSI Data-In, RFC 7143 section 11.7. With S set it carries the status too, which saves the SCSI Response.
 *
 *      0               1               2               3
 *    +-+-+-----------+-+-+-+-----+-+-+---------------+---------------+
 *   0|.|.| 0x25      |F|A|0 0 0|O|U|S| Reserved      | Status or Rsvd|
 *   4| 0             | DataSegmentLength                             |
 *   8| LUN or Reserved                                               |
 *  16| Initiator Task Tag                                            |
 *  20| Target Transfer Tag or 0xffffffff                             |
 *  24| StatSN or Reserved                                            |
 *  28| ExpCmdSN                                                      |
 *  32| MaxCmdSN                                                      |
 *  36| DataSN                                                        |
 *  40| Buffer Offset                                                 |
 *  44| Residual Count                                                |
 *    +---------------------------------------------------------------+
 */
import { getU32, getU8, requireLength, setU32 } from "../wire/bytes.ts";
import {
  FINAL_BIT,
  HEADER_BYTES,
  NO_TAG,
  RESPONSE,
  type Window,
  dataLengthOf,
  setDataLength,
} from "./basic-header.ts";
import { NO_RESIDUAL, type Residual, decodeResidual } from "./scsi-response.ts";

export interface DataIn extends Window {
  readonly taskTag: number;
  /** Last PDU of a sequence (a burst). */
  readonly final: boolean;
  readonly dataSn: number;
  readonly bufferOffset: number;
  readonly dataLength: number;
  /** Present on the last PDU of the command when its status is GOOD. */
  readonly status: { readonly statSn: number; readonly residual: Residual } | undefined;
}

const OVERFLOW_BIT = 0x04;
const UNDERFLOW_BIT = 0x02;
const STATUS_BIT = 0x01;

export function encodeDataIn(dataIn: DataIn, out: Uint8Array, at: number): void {
  out.fill(0, at, at + HEADER_BYTES);
  out[at] = RESPONSE.dataIn;
  let flags = dataIn.final ? FINAL_BIT : 0;
  if (dataIn.status) {
    const { residual, statSn } = dataIn.status;
    flags |= STATUS_BIT;
    if (residual.kind === "underflow") flags |= UNDERFLOW_BIT;
    if (residual.kind === "overflow") flags |= OVERFLOW_BIT;
    setU32(out, at + 24, statSn);
    setU32(out, at + 44, residual.count);
  }
  out[at + 1] = flags;
  setDataLength(out, at, dataIn.dataLength);
  setU32(out, at + 16, dataIn.taskTag);
  setU32(out, at + 20, NO_TAG);
  setU32(out, at + 28, dataIn.expCmdSn);
  setU32(out, at + 32, dataIn.maxCmdSn);
  setU32(out, at + 36, dataIn.dataSn);
  setU32(out, at + 40, dataIn.bufferOffset);
}

export function decodeDataIn(header: Uint8Array): DataIn {
  requireLength(header, HEADER_BYTES, "Data-In");
  const flags = getU8(header, 1);
  const residual =
    flags & (UNDERFLOW_BIT | OVERFLOW_BIT)
      ? decodeResidual(flags, UNDERFLOW_BIT, OVERFLOW_BIT, getU32(header, 44))
      : NO_RESIDUAL;
  return {
    taskTag: getU32(header, 16),
    final: (flags & FINAL_BIT) !== 0,
    dataSn: getU32(header, 36),
    bufferOffset: getU32(header, 40),
    dataLength: dataLengthOf(header),
    status: flags & STATUS_BIT ? { statSn: getU32(header, 24), residual } : undefined,
    expCmdSn: getU32(header, 28),
    maxCmdSn: getU32(header, 32),
  };
}
