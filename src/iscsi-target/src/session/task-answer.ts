/** The SCSI Response to a task that is done: status, sense, and what the residuals are of (RFC 7143 section 11.4.5). */
import { NO_RESIDUAL, type ScsiResponse, residualOf } from "../pdu/scsi-response.ts";
import { type CommandFailure, SenseError, encodeDescriptorSense, encodeFixedSense } from "../scsi/sense.ts";
import type { Task } from "./task.ts";

const STATUS = { good: 0x00, checkCondition: 0x02, reservationConflict: 0x18 } as const;

export type TaskAnswer = Omit<ScsiResponse, "statSn" | "expCmdSn" | "maxCmdSn">;

export function answerTo(task: Task, descriptorSense: boolean): TaskAnswer {
  const { command, failure, transfer } = task;
  const { expectedLength, bidiReadLength, taskTag, read, write } = command;
  return {
    taskTag,
    status: statusOf(failure),
    sense: senseOf(failure, descriptorSense),
    residual: residualOf(expectedLength, failure ? (transfer?.received ?? 0) : dueOf(task)),
    bidiReadResidual: read && write ? residualOf(bidiReadLength ?? 0, failure ? 0 : task.dueIn) : NO_RESIDUAL,
    expDataSn: task.dataInCount + (transfer?.r2tCount ?? 0),
  };
}

function statusOf(failure: CommandFailure | undefined): number {
  if (!failure) return STATUS.good;
  return failure instanceof SenseError ? STATUS.checkCondition : STATUS.reservationConflict;
}

function senseOf(failure: CommandFailure | undefined, asDescriptors: boolean): Uint8Array {
  if (!(failure instanceof SenseError)) return new Uint8Array(0);
  return asDescriptors ? encodeDescriptorSense(failure) : encodeFixedSense(failure);
}

/**
 * What this direction's residual is about; a bidirectional command has a field of its own for the other.
 * With nothing expected it is whatever the command would have moved.
 */
function dueOf({ command, dueIn, dueOut }: Task): number {
  if (command.read && command.write) return dueOut;
  if (command.expectedLength === 0) return dueOut + dueIn;
  return command.write ? dueOut : dueIn;
}
