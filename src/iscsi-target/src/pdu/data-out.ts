/**
 * SCSI Data-Out, RFC 7143 section 11.7.
 *
 *      0               1               2               3
 *    +-+-+-----------+-+-------------+---------------+---------------+
 *   0|.|.| 0x05      |F| Reserved                                    |
 *   4| 0             | DataSegmentLength                             |
 *   8| LUN or Reserved                                               |
 *  16| Initiator Task Tag                                            |
 *  20| Target Transfer Tag (of the R2T) or 0xffffffff (unsolicited)  |
 *  24| Reserved                                                      |
 *  28| ExpStatSN                                                     |
 *  32| Reserved                                                      |
 *  36| DataSN (from 0 in each sequence)                              |
 *  40| Buffer Offset                                                 |
 *  44| Reserved                                                      |
 *    +---------------------------------------------------------------+
 */
import { getU32, getU8, requireLength, setU32 } from "../wire/bytes.ts";
import { FINAL_BIT, HEADER_BYTES, REQUEST, dataLengthOf, setDataLength } from "./basic-header.ts";

export interface DataOut {
  readonly final: boolean;
  readonly taskTag: number;
  readonly transferTag: number;
  readonly expStatSn: number;
  readonly dataSn: number;
  readonly bufferOffset: number;
  readonly dataLength: number;
}

export function decodeDataOut(header: Uint8Array): DataOut {
  requireLength(header, HEADER_BYTES, "Data-Out");
  return {
    final: (getU8(header, 1) & FINAL_BIT) !== 0,
    taskTag: getU32(header, 16),
    transferTag: getU32(header, 20),
    expStatSn: getU32(header, 28),
    dataSn: getU32(header, 36),
    bufferOffset: getU32(header, 40),
    dataLength: dataLengthOf(header),
  };
}

export function encodeDataOut(dataOut: DataOut): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  header[0] = REQUEST.dataOut;
  header[1] = dataOut.final ? FINAL_BIT : 0;
  setDataLength(header, 0, dataOut.dataLength);
  setU32(header, 16, dataOut.taskTag);
  setU32(header, 20, dataOut.transferTag);
  setU32(header, 28, dataOut.expStatSn);
  setU32(header, 36, dataOut.dataSn);
  setU32(header, 40, dataOut.bufferOffset);
  return header;
}
