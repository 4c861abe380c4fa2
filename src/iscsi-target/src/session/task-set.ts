/**
 * The SCSI commands of one session from arrival to status: their data in both directions, their residuals,
 * their failures. What a command means is planned in ../scsi; here the plan is carried out.
 */
import type { Parameters } from "../login/key-rows.ts";
import type { DataOut } from "../pdu/data-out.ts";
import { REJECT_REASON } from "../pdu/reject.ts";
import { NO_TAG } from "../pdu/basic-header.ts";
import type { ScsiCommand } from "../pdu/scsi-command.ts";
import { residualOf } from "../pdu/scsi-response.ts";
import { type UnitSet, planCommand } from "../scsi/execute.ts";
import { MAX_GATHER_BYTES, MAX_SESSION_GATHER_BYTES } from "../scsi/limits.ts";
import type { Plan } from "../scsi/plan.ts";
import { SenseError, failureOf } from "../scsi/sense.ts";
import type { Unit } from "../scsi/unit.ts";
import { type Numbers, readyToTransfer, scsiResponse } from "./answers.ts";
import { DataInTransfer } from "./data-in-transfer.ts";
import { CommandOnly, type DataSink } from "./data-sink.ts";
import { type DataSource, deviceSource, parameterSource } from "./data-source.ts";
import type { DirtyBudget } from "./dirty-budget.ts";
import type { Outgoing } from "./outbox.ts";
import { answerTo } from "./task-answer.ts";
import { Task } from "./task.ts";
import { WriteTransfer } from "./write-transfer.ts";

export interface TaskSetHost extends Numbers {
  send(outgoing: Outgoing): void;
  /** Counts device work until it is settled, and has the outbox looked at again then. */
  track(work: Promise<void>): void;
  /** A numbered command has been answered: the window opens by one. */
  release(task: Task): void;
  countRead(bytes: number): void;
  countWritten(bytes: number): void;
  readonly dirty: DirtyBudget;
}

export class TaskSet {
  readonly #host: TaskSetHost;
  readonly #parameters: Parameters;
  readonly #units: UnitSet;
  readonly #tasks = new Map<number, Task>();
  readonly #ahead = { bytes: 0 };
  #gatheredBytes = 0;
  #nextTransferTag = 1;

  constructor(host: TaskSetHost, parameters: Parameters, units: UnitSet) {
    this.#host = host;
    this.#parameters = parameters;
    this.#units = units;
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
      this.#setFailure(task, error, "read");
    }
    return command.write ? this.#startWrite(task) : new CommandOnly(() => this.#run(task));
  }

  /** Takes a Data-Out header; undefined when its data is to be dropped. `wrong` is told of a PDU to be rejected. */
  dataOut(dataOut: DataOut, wrong: (reason: number) => void): DataSink | undefined {
    const task = this.#tasks.get(dataOut.taskTag);
    // An initiator may still be sending for a task that was aborted: that data is nobody's.
    if (!task?.transfer) return undefined;
    const alreadyFailed = task.failure !== undefined;
    const error = task.transfer.accept(dataOut);
    if (error) {
      this.#setFailure(task, new SenseError(error), "write");
      if (!alreadyFailed) wrong(REJECT_REASON.protocolError);
    }
    return this.#sinkOf(task, dataOut.bufferOffset);
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
    this.#gatheredBytes -= task.gathered?.length ?? 0;
    task.gathered = undefined;
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

  #startWrite(task: Task): DataSink {
    const { command } = task;
    const { ImmediateData, InitialR2T, FirstBurstLength, MaxBurstLength } = this.#parameters;
    const transfer = new WriteTransfer({
      offered: task.offer,
      wanted: Math.min(task.dueOut, task.offer),
      immediateData: ImmediateData,
      initialR2t: InitialR2T,
      firstBurst: FirstBurstLength,
      maxBurst: MaxBurstLength,
    });
    task.transfer = transfer;
    const wrong = transfer.begin(command.immediateLength, command.final);
    if (wrong) this.#setFailure(task, new SenseError(wrong), "write");
    if (task.failure) transfer.fail();
    return this.#sinkOf(task, 0);
  }

  #sinkOf(task: Task, bufferOffset: number): DataSink {
    return {
      data: (bytes, offset) => this.#take(task, bytes, bufferOffset + offset),
      end: () => this.#advance(task),
      lost: () => {
        this.#setFailure(task, new SenseError("protocolServiceCrcError"), "write");
        this.#advance(task);
      },
    };
  }

  /** Puts data where it belongs; what exceeds the command's own length is the initiator's underflow. */
  #take(task: Task, bytes: Uint8Array, at: number): void {
    const { plan, transfer } = task;
    if (task.failure || task.aborted || !plan || !transfer || at >= transfer.wanted) return;
    const data = bytes.length > transfer.wanted - at ? bytes.subarray(0, transfer.wanted - at) : bytes;
    if (plan.kind === "write") {
      try {
        this.#unitOf(task).write(data, plan.offset + at);
        this.#host.countWritten(data.length);
        if (this.#host.dirty.isFlushDue) this.#host.track(this.#host.dirty.flush());
      } catch (error) {
        this.#setFailure(task, error, "write");
      }
    } else if (plan.kind === "parameters") {
      this.#gather(task, plan.length)?.set(data, at);
    }
  }

  #gather(task: Task, length: number): Uint8Array | undefined {
    if (task.gathered) return task.gathered;
    if (this.#gatheredBytes + length > MAX_SESSION_GATHER_BYTES) {
      this.#setFailure(task, new SenseError("insufficientResources"), "write");
      return undefined;
    }
    this.#gatheredBytes += length;
    task.gathered = new Uint8Array(length);
    return task.gathered;
  }

  /** After a PDU of a write: ask for more, or carry the command out. */
  #advance(task: Task): void {
    const { transfer } = task;
    if (!transfer || task.aborted) return;
    if (transfer.isComplete) {
      this.#run(task);
      return;
    }
    const { dirty } = this.#host;
    if (dirty.isSpent) this.#host.track(dirty.relief().then(() => this.#askForMore(task, transfer)));
    else this.#askForMore(task, transfer);
  }

  #askForMore(task: Task, transfer: WriteTransfer): void {
    // After a wait the command may be over.
    if (task.aborted || transfer.isComplete) return;
    const { command } = task;
    const transferTag = this.#nextTransferTag;
    const r2t = transfer.nextR2t(transferTag);
    if (!r2t) return;
    this.#nextTransferTag = transferTag + 1 === NO_TAG ? 1 : transferTag + 1;
    const { lun, taskTag } = command;
    this.#host.send(readyToTransfer(this.#host, { lun, taskTag, transferTag, ...r2t }, () => task.aborted));
  }

  /** All data of the initiator is there (or there is none): do what is left and answer. */
  #run(task: Task): void {
    const { plan } = task;
    if (task.failure || !plan) {
      this.#respond(task);
      return;
    }
    switch (plan.kind) {
      case "done":
        this.#respond(task);
        return;
      case "data":
        this.#sendData(task, parameterSource(plan.bytes));
        return;
      case "read":
        this.#sendData(task, deviceSource(this.#unitOf(task), plan.offset));
        return;
      case "write":
        if (plan.flush) this.#later(task, () => this.#unitOf(task).device.flush());
        else if (this.#host.dirty.isSpent) this.#later(task, () => this.#host.dirty.relief());
        else this.#respond(task);
        return;
      case "parameters":
        this.#act(task, plan.act);
        return;
      case "later":
        this.#later(task, async () => this.#continueWith(task, await plan.work()));
        return;
    }
  }

  #act(task: Task, act: (list: Uint8Array) => Plan | Promise<Plan>): void {
    try {
      const next = act(task.gathered ?? new Uint8Array(0));
      if (next instanceof Promise) this.#later(task, async () => this.#continueWith(task, await next));
      else {
        this.#continueWith(task, next);
        this.#run(task);
      }
    } catch (error) {
      this.#setFailure(task, error, "write");
      this.#respond(task);
    }
  }

  #continueWith(task: Task, plan: Plan): void {
    task.plan = plan;
    if (plan.kind === "read") task.dueIn = plan.length;
    if (plan.kind === "data") task.dueIn = plan.bytes.length;
  }

  /** Waits for work, then answers, or goes on with the plan that the work has set. */
  #later(task: Task, work: () => Promise<void>): void {
    const before = task.plan;
    const settle = async (): Promise<void> => {
      try {
        await work();
      } catch (error) {
        this.#setFailure(task, error, "write");
      }
      if (task.aborted) return;
      if (task.failure || task.plan === before) this.#respond(task);
      else this.#run(task);
    };
    this.#host.track(settle());
  }

  #sendData(task: Task, source: DataSource): void {
    const length = Math.min(task.dueIn, task.room);
    if (length === 0) {
      this.#respond(task);
      return;
    }
    const { MaxRecvDataSegmentLength: maxDataBytes, MaxBurstLength: maxBurst } = this.#parameters;
    const isBidirectional = task.command.read && task.command.write;
    const transfer = new DataInTransfer({
      task,
      source,
      length,
      // Data-In has no field for the residual of a bidirectional command's write half.
      residual: isBidirectional ? undefined : residualOf(task.command.expectedLength, task.dueIn),
      terms: { maxDataBytes, maxBurst },
      host: {
        nextStatSn: () => this.#host.nextStatSn(),
        window: () => this.#host.window(),
        track: (work) => this.#host.track(work),
        ahead: this.#ahead,
        finished: (task, collapsed) => {
          if (task.plan?.kind === "read") this.#host.countRead(length);
          if (collapsed) this.#forget(task);
          else this.#respond(task);
        },
        failed: (task, error) => {
          this.#setFailure(task, error, "read");
          this.#respond(task);
        },
      },
    });
    this.#host.send(transfer);
  }

  #respond(task: Task): void {
    if (task.aborted) return;
    const unit = this.#units.units.get(task.command.lun);
    const answer = answerTo(task, unit?.shared.mode.descriptorSense ?? false);
    const hooks = { isAborted: () => task.aborted, laid: () => this.#forget(task) };
    this.#host.send(scsiResponse(this.#host, answer, hooks));
  }

  #setFailure(task: Task, error: unknown, during: "read" | "write"): void {
    task.failure ??= failureOf(error, during);
    task.transfer?.fail();
  }

  #unitOf(task: Task): Unit {
    const unit = this.#units.units.get(task.command.lun);
    if (!unit) throw new SenseError("lunNotSupported");
    return unit;
  }
}
