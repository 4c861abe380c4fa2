/**
 * Task Management Function Request and Response, RFC 7143 sections 11.5 and 11.6.
 *
 *      0               1               2               3
 *    +-+-+-----------+-+-------------+---------------+---------------+
 *   0|.|I| 0x02/0x22 |1| Function(rq)| Response (rsp)| Reserved      |
 *   4| 0             | 0                                             |
 *   8| Logical Unit Number (request)                                 |
 *  16| Initiator Task Tag                                            |
 *  20| Referenced Task Tag (request)                                 |
 *  24| CmdSN (request) or StatSN (response)                          |
 *  28| ExpStatSN (request) or ExpCmdSN (response)                    |
 *  32| RefCmdSN (request) or MaxCmdSN (response)                     |
 *  36| ExpDataSN (request)                                           |
 *    +---------------------------------------------------------------+
 */
import { getU32, getU8, requireLength, setU32 } from "../wire/bytes.ts";
import {
  FINAL_BIT,
  HEADER_BYTES,
  REQUEST,
  RESPONSE,
  type Window,
  isImmediate,
  requestByte,
} from "./basic-header.ts";
import { decodeLun, encodeLun } from "./lun.ts";

export const TASK_FUNCTION = {
  abortTask: 1,
  abortTaskSet: 2,
  clearAca: 3,
  clearTaskSet: 4,
  lunReset: 5,
  targetWarmReset: 6,
  targetColdReset: 7,
  taskReassign: 8,
} as const;

export const TASK_RESPONSE = {
  complete: 0,
  noSuchTask: 1,
  noSuchLun: 2,
  reassignNotSupported: 4,
  notSupported: 5,
  rejected: 255,
} as const;

export interface TaskManagementRequest {
  readonly immediate: boolean;
  readonly function: number;
  readonly lun: number;
  readonly taskTag: number;
  readonly referencedTaskTag: number;
  readonly cmdSn: number;
  readonly expStatSn: number;
  readonly refCmdSn: number;
}

export interface TaskManagementResponse extends Window {
  readonly response: number;
  readonly taskTag: number;
  readonly statSn: number;
}

export function decodeTaskManagementRequest(header: Uint8Array): TaskManagementRequest {
  requireLength(header, HEADER_BYTES, "Task Management Request");
  return {
    immediate: isImmediate(header),
    function: getU8(header, 1) & 0x7f,
    lun: decodeLun(header, 8),
    taskTag: getU32(header, 16),
    referencedTaskTag: getU32(header, 20),
    cmdSn: getU32(header, 24),
    expStatSn: getU32(header, 28),
    refCmdSn: getU32(header, 32),
  };
}

export function encodeTaskManagementRequest(request: TaskManagementRequest): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  header[0] = requestByte(REQUEST.taskManagement, request.immediate);
  header[1] = FINAL_BIT | request.function;
  encodeLun(request.lun, header, 8);
  setU32(header, 16, request.taskTag);
  setU32(header, 20, request.referencedTaskTag);
  setU32(header, 24, request.cmdSn);
  setU32(header, 28, request.expStatSn);
  setU32(header, 32, request.refCmdSn);
  return header;
}

export function encodeTaskManagementResponse(
  response: TaskManagementResponse,
  out: Uint8Array,
  at: number,
): void {
  out.fill(0, at, at + HEADER_BYTES);
  out[at] = RESPONSE.taskManagement;
  out[at + 1] = FINAL_BIT;
  out[at + 2] = response.response;
  setU32(out, at + 16, response.taskTag);
  setU32(out, at + 24, response.statSn);
  setU32(out, at + 28, response.expCmdSn);
  setU32(out, at + 32, response.maxCmdSn);
}

export function decodeTaskManagementResponse(header: Uint8Array): TaskManagementResponse {
  requireLength(header, HEADER_BYTES, "Task Management Response");
  return {
    response: getU8(header, 2),
    taskTag: getU32(header, 16),
    statSn: getU32(header, 24),
    expCmdSn: getU32(header, 28),
    maxCmdSn: getU32(header, 32),
  };
}
