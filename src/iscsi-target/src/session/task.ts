import type { ScsiCommand } from "../pdu/scsi-command.ts";
import type { Plan } from "../scsi/plan.ts";
import type { UnitSet } from "../scsi/execute.ts";
import { type CommandFailure, SenseError, failureOf } from "../scsi/sense.ts";
import type { Unit } from "../scsi/unit.ts";
import type { WriteTransfer } from "./write-transfer.ts";

/** One SCSI command from its arrival to its status. */
export class Task {
  readonly command: ScsiCommand;
  /** What is to be done; undefined when the command has failed before anything could be. */
  plan: Plan | undefined;
  failure: CommandFailure | undefined;
  /** Data of the initiator, when the command brings any. */
  transfer: WriteTransfer | undefined;
  /** Parameter list or other data that is gathered whole. */
  gathered: Uint8Array | undefined;
  /** Bytes that the command is about, in each direction, whatever the initiator made ready. */
  dueIn = 0;
  dueOut = 0;
  dataInCount = 0;
  /** Aborted, or its session has ended: nothing more is said about it. */
  aborted = false;

  constructor(command: ScsiCommand) {
    this.command = command;
  }

  /** What the initiator can take of Data-In (RFC 7143 11.3.4: with both directions, the AHS says it). */
  get room(): number {
    const { read, write, expectedLength, bidiReadLength } = this.command;
    if (!read) return 0;
    return write ? (bidiReadLength ?? 0) : expectedLength;
  }

  /** What the initiator has ready for Data-Out. */
  get offer(): number {
    return this.command.write ? this.command.expectedLength : 0;
  }

  /** The command ends with this, unless something else went wrong before; more data of it is not asked for. */
  fail(error: unknown, during: "read" | "write"): void {
    this.failure ??= failureOf(error, during);
    this.transfer?.fail();
  }
}

/** The unit that the task's plan is about. Throws SenseError when there is none. */
export function unitOf(task: Task, { units }: UnitSet): Unit {
  const unit = units.get(task.command.lun);
  if (!unit) throw new SenseError("lunNotSupported");
  return unit;
}
