/**
 * Logout Request and Response, RFC 7143 sections 11.14 and 11.15.
 *
 *      0               1               2               3
 *    +-+-+-----------+-+-------------+---------------+---------------+
 *   0|.|I| 0x06/0x26 |1| Reason (rq) | Response (rsp)| Reserved      |
 *   4| 0             | 0                                             |
 *   8| Reserved                                                      |
 *  16| Initiator Task Tag                                            |
 *  20| CID (request)                 | Reserved                      |
 *  24| CmdSN (request) or StatSN (response)                          |
 *  28| ExpStatSN (request) or ExpCmdSN (response)                    |
 *  32| Reserved (request) or MaxCmdSN (response)                     |
 *  36| Reserved                                                      |
 *  40| Reserved (request) or Time2Wait, Time2Retain (response)       |
 *    +---------------------------------------------------------------+
 */
import { getU16, getU32, getU8, requireLength, setU16, setU32 } from "../wire/bytes.ts";
import {
  FINAL_BIT,
  HEADER_BYTES,
  REQUEST,
  RESPONSE,
  type Window,
  isImmediate,
  requestByte,
} from "./basic-header.ts";

export const LOGOUT_REASON = { closeSession: 0, closeConnection: 1, removeForRecovery: 2 } as const;
export const LOGOUT_RESPONSE = { closed: 0, cidNotFound: 1, recoveryNotSupported: 2, failed: 3 } as const;

export interface LogoutRequest {
  readonly immediate: boolean;
  readonly reason: number;
  readonly taskTag: number;
  readonly cid: number;
  readonly cmdSn: number;
  readonly expStatSn: number;
}

export interface LogoutResponse extends Window {
  readonly response: number;
  readonly taskTag: number;
  readonly statSn: number;
}

export function decodeLogoutRequest(header: Uint8Array): LogoutRequest {
  requireLength(header, HEADER_BYTES, "Logout Request");
  return {
    immediate: isImmediate(header),
    reason: getU8(header, 1) & 0x7f,
    taskTag: getU32(header, 16),
    cid: getU16(header, 20),
    cmdSn: getU32(header, 24),
    expStatSn: getU32(header, 28),
  };
}

export function encodeLogoutRequest(logout: LogoutRequest): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  header[0] = requestByte(REQUEST.logout, logout.immediate);
  header[1] = FINAL_BIT | logout.reason;
  setU32(header, 16, logout.taskTag);
  setU16(header, 20, logout.cid);
  setU32(header, 24, logout.cmdSn);
  setU32(header, 28, logout.expStatSn);
  return header;
}

/** Time2Wait and Time2Retain are left zero: at ErrorRecoveryLevel 0 nothing is kept to come back to. */
export function encodeLogoutResponse(logout: LogoutResponse, out: Uint8Array, at: number): void {
  out.fill(0, at, at + HEADER_BYTES);
  out[at] = RESPONSE.logout;
  out[at + 1] = FINAL_BIT;
  out[at + 2] = logout.response;
  setU32(out, at + 16, logout.taskTag);
  setU32(out, at + 24, logout.statSn);
  setU32(out, at + 28, logout.expCmdSn);
  setU32(out, at + 32, logout.maxCmdSn);
}

export function decodeLogoutResponse(header: Uint8Array): LogoutResponse {
  requireLength(header, HEADER_BYTES, "Logout Response");
  return {
    response: getU8(header, 2),
    taskTag: getU32(header, 16),
    statSn: getU32(header, 24),
    expCmdSn: getU32(header, 28),
    maxCmdSn: getU32(header, 32),
  };
}
