/**
 * SCSI Command, RFC 7143 section 11.3.
 *
 *      0               1               2               3
 *    +-+-+-----------+-+-+-+-----+---+---------------+---------------+
 *   0|.|I| 0x01      |F|R|W|. . |ATTR| Reserved                      |
 *    +-+-+-----------+-+-+-+-----+---+-------------------------------+
 *   4| TotalAHSLength| DataSegmentLength (immediate data)            |
 *   8| Logical Unit Number                                           |
 *  16| Initiator Task Tag                                            |
 *  20| Expected Data Transfer Length                                 |
 *  24| CmdSN                                                         |
 *  28| ExpStatSN                                                     |
 *  32| SCSI Command Descriptor Block (16 bytes)                      |
 *  48| AHS: rest of a long CDB, or the bidirectional read length     |
 *    +---------------------------------------------------------------+
 */
import { getU16, getU32, getU8, requireLength, setU16, setU32 } from "../wire/bytes.ts";
import {
  FINAL_BIT,
  HEADER_BYTES,
  REQUEST,
  ahsBytesOf,
  dataLengthOf,
  isImmediate,
  padded,
  requestByte,
  setDataLength,
} from "./basic-header.ts";
import { decodeLun, encodeLun } from "./lun.ts";

export interface ScsiCommand {
  readonly immediate: boolean;
  /** No unsolicited Data-Out follows. */
  readonly final: boolean;
  readonly read: boolean;
  readonly write: boolean;
  /** 0 untagged, 1 simple, 2 ordered, 3 head of queue, 4 ACA (section 11.3.1). */
  readonly attribute: number;
  readonly lun: number;
  readonly taskTag: number;
  readonly expectedLength: number;
  /** From the bidirectional AHS; undefined without one. */
  readonly bidiReadLength: number | undefined;
  readonly cmdSn: number;
  readonly expStatSn: number;
  /** 16 bytes; longer CDBs are of commands that no disk here has. */
  readonly cdb: Uint8Array;
  readonly immediateLength: number;
}

const READ_BIT = 0x40;
const WRITE_BIT = 0x20;
const AHS_BIDI_READ_LENGTH = 2;

/** `header` is BHS and AHS. The CDB is copied: a command outlives the buffer that it came in. */
export function decodeScsiCommand(header: Uint8Array): ScsiCommand {
  requireLength(header, HEADER_BYTES, "SCSI Command");
  const flags = getU8(header, 1);
  return {
    immediate: isImmediate(header),
    final: (flags & FINAL_BIT) !== 0,
    read: (flags & READ_BIT) !== 0,
    write: (flags & WRITE_BIT) !== 0,
    attribute: flags & 7,
    lun: decodeLun(header, 8),
    taskTag: getU32(header, 16),
    expectedLength: getU32(header, 20),
    bidiReadLength: ahsBytesOf(header) === 0 ? undefined : bidiReadLength(header),
    cmdSn: getU32(header, 24),
    expStatSn: getU32(header, 28),
    cdb: header.slice(32, 48),
    immediateLength: dataLengthOf(header),
  };
}

/** Section 11.2.2: each AHS is length (2 bytes, of what follows the type), type, specific byte, data. */
function bidiReadLength(header: Uint8Array): number | undefined {
  const end = HEADER_BYTES + ahsBytesOf(header);
  requireLength(header, end, "AHS");
  for (let at = HEADER_BYTES; at + 4 <= end; at += padded(3 + getU16(header, at))) {
    if ((getU8(header, at + 2) & 0x3f) === AHS_BIDI_READ_LENGTH && at + 8 <= end)
      return getU32(header, at + 4);
  }
  return undefined;
}

export function encodeScsiCommand(command: ScsiCommand): Uint8Array {
  const bidi = command.bidiReadLength;
  const header = new Uint8Array(HEADER_BYTES + (bidi === undefined ? 0 : 8));
  header[0] = requestByte(REQUEST.scsiCommand, command.immediate);
  header[1] =
    (command.final ? FINAL_BIT : 0) |
    (command.read ? READ_BIT : 0) |
    (command.write ? WRITE_BIT : 0) |
    command.attribute;
  setDataLength(header, 0, command.immediateLength);
  encodeLun(command.lun, header, 8);
  setU32(header, 16, command.taskTag);
  setU32(header, 20, command.expectedLength);
  setU32(header, 24, command.cmdSn);
  setU32(header, 28, command.expStatSn);
  header.set(command.cdb.subarray(0, 16), 32);
  if (bidi !== undefined) {
    header[4] = 2;
    setU16(header, 48, 5);
    header[50] = AHS_BIDI_READ_LENGTH;
    setU32(header, 52, bidi);
  }
  return header;
}
