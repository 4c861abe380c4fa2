/**
 * The SCSI commands of one session from arrival to status: which there are, and how they begin and are aborted.
 * What a command means is planned in ../scsi; write-intake.ts and plan-runner.ts carry the plan out.
 */
import type { Parameters } from "../login/key-rows.ts";
import type { DataOut } from "../pdu/data-out.ts";
import { REJECT_REASON } from "../pdu/reject.ts";
import type { ScsiCommand } from "../pdu/scsi-command.ts";
import { type UnitSet, planCommand } from "../scsi/execute.ts";
import { MAX_GATHER_BYTES } from "../scsi/limits.ts";
import type { Plan } from "../scsi/plan.ts";
import { SenseError } from "../scsi/sense.ts";
import { CommandOnly, type DataSink } from "./data-sink.ts";
import { PlanRunner } from "./plan-runner.ts";
import type { TaskSetHost } from "./task-set-host.ts";
import { Task } from "./task.ts";
import { WriteIntake } from "./write-intake.ts";

export class TaskSet {
  readonly #host: TaskSetHost;
  readonly #units: UnitSet;
  readonly #tasks = new Map<number, Task>();
  readonly #runner: PlanRunner;
  readonly #intake: WriteIntake;

  constructor(host: TaskSetHost, parameters: Parameters, units: UnitSet) {
    this.#host = host;
    this.#units = units;
    this.#runner = new PlanRunner(host, parameters, units, (task) => this.#forget(task));
    this.#intake = new WriteIntake(host, parameters, units, (task) => this.#runner.run(task));
    for (const unit of units.units.values()) unit.abortTasks = () => void this.abortAll(unit.lun);
  }

  get size(): number {
    return this.#tasks.size;
  }

  get immediateCount(): number {
    let count = 0;
    for (const task of this.#tasks.values()) if (task.command.immediate) count++;
    return count;
  }

  has(taskTag: number): boolean {
    return this.#tasks.has(taskTag);
  }

  /** Takes a command; its immediate data goes into the sink returned. */
  start(command: ScsiCommand): DataSink {
    const task = new Task(command);
    this.#tasks.set(command.taskTag, task);
    try {
      task.plan = planCommand(command.cdb, command.lun, this.#units);
      this.#admitData(task, task.plan);
    } catch (error) {
      task.fail(error, "read");
    }
    return command.write ? this.#intake.start(task) : new CommandOnly(() => this.#runner.run(task));
  }

  /** Takes a Data-Out header; undefined when its data is to be dropped. `wrong` is told of a PDU to be rejected. */
  dataOut(dataOut: DataOut, wrong: (reason: number) => void): DataSink | undefined {
    const task = this.#tasks.get(dataOut.taskTag);
    // An initiator may still be sending for a task that was aborted: that data is nobody's.
    // So is what comes when a command has all of its data, or has failed: it is under way, and is answered once.
    if (!task?.transfer || task.transfer.isComplete) return undefined;
    const alreadyFailed = task.failure !== undefined;
    const error = task.transfer.accept(dataOut);
    if (error) {
      task.fail(new SenseError(error), "write");
      if (!alreadyFailed) wrong(REJECT_REASON.protocolError);
    }
    return this.#intake.sinkOf(task, dataOut.bufferOffset);
  }

  /** Aborts one task; false when there is none. */
  abort(taskTag: number): boolean {
    const task = this.#tasks.get(taskTag);
    if (task) this.#drop(task);
    return task !== undefined;
  }

  /** Aborts what `lun` names, or everything. Returns how many there were. */
  abortAll(lun?: number): number {
    let count = 0;
    for (const task of this.#tasks.values()) {
      if (lun !== undefined && task.command.lun !== lun) continue;
      this.#drop(task);
      count++;
    }
    return count;
  }

  #drop(task: Task): void {
    task.aborted = true;
    this.#forget(task);
  }

  #forget(task: Task): void {
    if (!this.#tasks.delete(task.command.taskTag)) return;
    this.#intake.forget(task);
    this.#host.release(task);
  }

  /** How much data the plan moves, and whether the initiator's flags allow that. */
  #admitData(task: Task, plan: Plan): void {
    const { command } = task;
    if (plan.kind === "write" || plan.kind === "parameters") task.dueOut = plan.length;
    if (plan.kind === "read") task.dueIn = plan.length;
    if (plan.kind === "data") task.dueIn = plan.bytes.length;
    // A write flagged as a read would be GOOD and lost. (A read flagged as a write moves nothing, which the residual says.)
    if (task.dueOut > 0 && !command.write && command.expectedLength > 0)
      throw new SenseError("invalidFieldInCommandUnit");
    if (plan.kind !== "parameters") return;
    if (plan.length > MAX_GATHER_BYTES) throw new SenseError("parameterListLengthError");
    // A short list is refused rather than read beyond its end (an empty one of SPC-4 never gets here).
    if (task.offer < plan.length) throw new SenseError("parameterListLengthError");
    if (plan.isExact && task.offer > plan.length) throw new SenseError("invalidFieldInCommandUnit");
  }
}
