/** Outgoing PDUs other than Data-In. Numbers (StatSN, window) are taken when a PDU is laid, so they are right in wire order. */
import { encodeAsyncMessage } from "../pdu/async-message.ts";
import { NO_TAG } from "../pdu/basic-header.ts";
import { encodeLogoutResponse } from "../pdu/logout.ts";
import { encodeNopIn } from "../pdu/nop.ts";
import { encodeR2t } from "../pdu/r2t.ts";
import { encodeReject } from "../pdu/reject.ts";
import { type ScsiResponse, encodeScsiResponse, senseSegmentBytes } from "../pdu/scsi-response.ts";
import { encodeTaskManagementResponse } from "../pdu/task-management.ts";
import { encodeTextResponse } from "../pdu/text.ts";
import type { Batch } from "./batch.ts";
import type { Outgoing } from "./outbox.ts";

export interface Numbers {
  /** The StatSN of this response; the next response gets the next one. */
  nextStatSn(): number;
  /** The StatSN that the next response will have, for PDUs that do not consume one. */
  peekStatSn(): number;
  window(): { readonly expCmdSn: number; readonly maxCmdSn: number };
}

/** One PDU with a data segment of known length. `lay` writes header and data and is called once. */
function onePdu(dataLength: number, lay: (batch: Batch) => void): Outgoing {
  return {
    encode(batch) {
      if (!batch.fits(dataLength)) return "full";
      lay(batch);
      batch.finish(dataLength);
      return "done";
    },
  };
}

/** `laid` is called at the moment the response takes its place, so that the window it announces is the one after it. */
export function scsiResponse(
  numbers: Numbers,
  answer: Omit<ScsiResponse, "statSn" | "expCmdSn" | "maxCmdSn">,
  { isAborted, laid }: { isAborted: () => boolean; laid: () => void },
): Outgoing {
  const pdu = onePdu(senseSegmentBytes(answer.sense), (batch) => {
    laid();
    const response = { ...answer, statSn: numbers.nextStatSn(), ...numbers.window() };
    encodeScsiResponse(response, batch.bytes, batch.headerAt, batch.dataAt);
  });
  return { encode: (batch) => (isAborted() ? "done" : pdu.encode(batch)) };
}

export function readyToTransfer(
  numbers: Numbers,
  r2t: {
    lun: number;
    taskTag: number;
    transferTag: number;
    r2tSn: number;
    bufferOffset: number;
    desiredLength: number;
  },
  isAborted: () => boolean,
): Outgoing {
  const pdu = onePdu(0, (batch) => {
    encodeR2t({ ...r2t, statSn: numbers.peekStatSn(), ...numbers.window() }, batch.bytes, batch.headerAt);
  });
  return { encode: (batch) => (isAborted() ? "done" : pdu.encode(batch)) };
}

export function reject(numbers: Numbers, reason: number, refused: Uint8Array): Outgoing {
  const copy = refused.slice(0, 48);
  return onePdu(copy.length, (batch) => {
    const pdu = { reason, refused: copy, statSn: numbers.nextStatSn(), ...numbers.window() };
    encodeReject(pdu, batch.bytes, batch.headerAt, batch.dataAt);
  });
}

/** The echo of an initiator's ping. */
export function nopEcho(numbers: Numbers, taskTag: number, data: Uint8Array): Outgoing {
  return onePdu(data.length, (batch) => {
    const pdu = { taskTag, transferTag: NO_TAG, dataLength: data.length };
    encodeNopIn({ ...pdu, statSn: numbers.nextStatSn(), ...numbers.window() }, batch.bytes, batch.headerAt);
    batch.bytes.set(data, batch.dataAt);
  });
}

/** A ping of ours. It consumes no StatSN (RFC 7143 11.19). */
export function nopPing(numbers: Numbers, transferTag: number): Outgoing {
  return onePdu(0, (batch) => {
    const pdu = { taskTag: NO_TAG, transferTag, dataLength: 0 };
    encodeNopIn({ ...pdu, statSn: numbers.peekStatSn(), ...numbers.window() }, batch.bytes, batch.headerAt);
  });
}

export function textResponse(
  numbers: Numbers,
  text: { taskTag: number; transferTag: number; final: boolean; continues: boolean },
  data: Uint8Array,
): Outgoing {
  return onePdu(data.length, (batch) => {
    const pdu = { ...text, dataLength: data.length, statSn: numbers.nextStatSn(), ...numbers.window() };
    encodeTextResponse(pdu, batch.bytes, batch.headerAt);
    batch.bytes.set(data, batch.dataAt);
  });
}

export function logoutResponse(numbers: Numbers, taskTag: number, response: number): Outgoing {
  return onePdu(0, (batch) => {
    const pdu = { taskTag, response, statSn: numbers.nextStatSn(), ...numbers.window() };
    encodeLogoutResponse(pdu, batch.bytes, batch.headerAt);
  });
}

/** Word of ours that was not asked for; the times are seconds. */
export function asyncMessage(
  numbers: Numbers,
  message: { event: number; parameter2: number; parameter3: number },
): Outgoing {
  return onePdu(0, (batch) => {
    const pdu = { ...message, parameter1: 0, statSn: numbers.nextStatSn(), ...numbers.window() };
    encodeAsyncMessage(pdu, batch.bytes, batch.headerAt);
  });
}

export function taskManagementResponse(numbers: Numbers, taskTag: number, response: number): Outgoing {
  return onePdu(0, (batch) => {
    const pdu = { taskTag, response, statSn: numbers.nextStatSn(), ...numbers.window() };
    encodeTaskManagementResponse(pdu, batch.bytes, batch.headerAt);
  });
}
