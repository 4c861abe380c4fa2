/**
 * Login Request and Response, RFC 7143 sections 11.12 and 11.13.
 *
 *      0               1               2               3
 *    +-+-+-----------+-+-+---+---+---+---------------+---------------+
 *   0|.|1| 0x03/0x23 |T|C|. .|CSG|NSG| VersionMax    | Min / Active  |
 *   4| 0             | DataSegmentLength (text keys)                 |
 *   8| ISID (6 bytes)                                                |
 *  12|                               | TSIH                          |
 *  16| Initiator Task Tag                                            |
 *  20| CID (request)                 | Reserved                      |
 *  24| CmdSN (request) or StatSN (response)                          |
 *  28| ExpStatSN (request) or ExpCmdSN (response)                    |
 *  32| Reserved (request) or MaxCmdSN (response)                     |
 *  36| Reserved (request) or Status-Class, Status-Detail (response)  |
 *    +---------------------------------------------------------------+
 */
import { getU16, getU32, getU8, requireLength, setU16, setU32 } from "../wire/bytes.ts";
import {
  CONTINUE_BIT,
  HEADER_BYTES,
  REQUEST,
  RESPONSE,
  type Window,
  dataLengthOf,
  requestByte,
  setDataLength,
} from "./basic-header.ts";

/** CSG and NSG, section 11.12.3. */
export const STAGE = { security: 0, operational: 1, fullFeature: 3 } as const;

export interface LoginRequest {
  readonly transit: boolean;
  readonly continues: boolean;
  readonly currentStage: number;
  readonly nextStage: number;
  readonly versionMax: number;
  readonly versionMin: number;
  /** Twelve hex digits. */
  readonly isid: string;
  readonly tsih: number;
  readonly taskTag: number;
  readonly cid: number;
  readonly cmdSn: number;
  readonly expStatSn: number;
  readonly dataLength: number;
}

export interface LoginResponse extends Window {
  readonly transit: boolean;
  readonly continues: boolean;
  readonly currentStage: number;
  readonly nextStage: number;
  readonly isid: string;
  readonly tsih: number;
  readonly taskTag: number;
  readonly statSn: number;
  /** Status-Class in the high byte. */
  readonly status: number;
  readonly dataLength: number;
}

const TRANSIT_BIT = 0x80;

export function decodeLoginRequest(header: Uint8Array): LoginRequest {
  requireLength(header, HEADER_BYTES, "Login Request");
  const flags = getU8(header, 1);
  return {
    transit: (flags & TRANSIT_BIT) !== 0,
    continues: (flags & CONTINUE_BIT) !== 0,
    currentStage: (flags >>> 2) & 3,
    nextStage: flags & 3,
    versionMax: getU8(header, 2),
    versionMin: getU8(header, 3),
    isid: header.subarray(8, 14).toHex(),
    tsih: getU16(header, 14),
    taskTag: getU32(header, 16),
    cid: getU16(header, 20),
    cmdSn: getU32(header, 24),
    expStatSn: getU32(header, 28),
    dataLength: dataLengthOf(header),
  };
}

export function encodeLoginRequest(login: LoginRequest): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  header[0] = requestByte(REQUEST.login, true);
  header[1] = stageByte(login);
  header[2] = login.versionMax;
  header[3] = login.versionMin;
  setDataLength(header, 0, login.dataLength);
  header.set(Uint8Array.fromHex(login.isid), 8);
  setU16(header, 14, login.tsih);
  setU32(header, 16, login.taskTag);
  setU16(header, 20, login.cid);
  setU32(header, 24, login.cmdSn);
  setU32(header, 28, login.expStatSn);
  return header;
}

export function encodeLoginResponse(login: LoginResponse): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  header[0] = RESPONSE.login;
  header[1] = stageByte(login);
  setDataLength(header, 0, login.dataLength);
  header.set(Uint8Array.fromHex(login.isid), 8);
  setU16(header, 14, login.tsih);
  setU32(header, 16, login.taskTag);
  setU32(header, 24, login.statSn);
  setU32(header, 28, login.expCmdSn);
  setU32(header, 32, login.maxCmdSn);
  setU16(header, 36, login.status);
  return header;
}

export function decodeLoginResponse(header: Uint8Array): LoginResponse {
  requireLength(header, HEADER_BYTES, "Login Response");
  const flags = getU8(header, 1);
  return {
    transit: (flags & TRANSIT_BIT) !== 0,
    continues: (flags & CONTINUE_BIT) !== 0,
    currentStage: (flags >>> 2) & 3,
    nextStage: flags & 3,
    isid: header.subarray(8, 14).toHex(),
    tsih: getU16(header, 14),
    taskTag: getU32(header, 16),
    statSn: getU32(header, 24),
    expCmdSn: getU32(header, 28),
    maxCmdSn: getU32(header, 32),
    status: getU16(header, 36),
    dataLength: dataLengthOf(header),
  };
}

function stageByte(
  login: Pick<LoginRequest, "transit" | "continues" | "currentStage" | "nextStage">,
): number {
  return (
    (login.transit ? TRANSIT_BIT : 0) |
    (login.continues ? CONTINUE_BIT : 0) |
    (login.currentStage << 2) |
    login.nextStage
  );
}
