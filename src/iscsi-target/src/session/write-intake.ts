/** The initiator's data on its way in: to the device as it comes, or gathered; and the R2Ts that ask for more. */
import type { Parameters } from "../login/key-rows.ts";
import { NO_TAG } from "../pdu/basic-header.ts";
import type { UnitSet } from "../scsi/execute.ts";
import { MAX_SESSION_GATHER_BYTES } from "../scsi/limits.ts";
import { SenseError } from "../scsi/sense.ts";
import type { Unit } from "../scsi/unit.ts";
import { readyToTransfer } from "./answers.ts";
import type { DataSink } from "./data-sink.ts";
import { type Task, unitOf } from "./task.ts";
import type { TaskSetHost } from "./task-set-host.ts";
import { WriteTransfer } from "./write-transfer.ts";

interface Held {
  /** Pieces that wait. */
  pieces: number;
  /** A PDU of the task has ended meanwhile: what comes after it is due when the last piece is written. */
  advance: boolean;
}

export class WriteIntake {
  readonly #host: TaskSetHost;
  readonly #parameters: Parameters;
  readonly #units: UnitSet;
  /** All data of the task is there, or no more of it will come. */
  readonly #complete: (task: Task) => void;
  #gatheredBytes = 0;
  /** Tasks with data that waits for the device to be ready for it. */
  readonly #held = new Map<Task, Held>();
  #nextTransferTag = 1;

  constructor(host: TaskSetHost, parameters: Parameters, units: UnitSet, complete: (task: Task) => void) {
    this.#host = host;
    this.#parameters = parameters;
    this.#units = units;
    this.#complete = complete;
  }

  /** The task is over: what was gathered for it is let go. */
  forget(task: Task): void {
    this.#gatheredBytes -= task.gathered?.length ?? 0;
    task.gathered = undefined;
  }

  /** The sink of a write's immediate data. */
  start(task: Task): DataSink {
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
    if (wrong) task.fail(new SenseError(wrong), "write");
    if (task.failure) transfer.fail();
    return this.sinkOf(task, 0);
  }

  /** The sink of a Data-Out that begins at `bufferOffset`. */
  sinkOf(task: Task, bufferOffset: number): DataSink {
    return {
      data: (bytes, offset) => this.#take(task, bytes, bufferOffset + offset),
      end: () => this.#advance(task),
      lost: () => {
        task.fail(new SenseError("protocolServiceCrcError"), "write");
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
      this.#put(task, data, plan.offset + at);
    } else if (plan.kind === "parameters") {
      this.#gather(task, plan.length)?.set(data, at);
    }
  }

  #put(task: Task, data: Uint8Array, offset: number): void {
    try {
      const unit = unitOf(task, this.#units);
      const wait = unit.prepare(offset, data.length);
      // Beyond the bound the write waits itself, and everyone with it: slow, and as right.
      if (wait && this.#gatheredBytes + data.length <= MAX_SESSION_GATHER_BYTES) {
        this.#host.track(this.#hold(task, unit, data.slice(), offset, wait));
      } else this.#write(unit, data, offset);
    } catch (error) {
      task.fail(error, "write");
    }
  }

  #write(unit: Unit, data: Uint8Array, offset: number): void {
    unit.write(data, offset);
    this.#host.countWritten(data.length);
    if (this.#host.dirty.isFlushDue) this.#host.track(this.#host.dirty.flush());
  }

  /** Keeps data that the socket's buffer will not have any more when the device is ready. */
  async #hold(task: Task, unit: Unit, data: Uint8Array, offset: number, wait: Promise<void>): Promise<void> {
    const held = this.#held.get(task) ?? { pieces: 0, advance: false };
    this.#held.set(task, held);
    held.pieces++;
    this.#gatheredBytes += data.length;
    try {
      await wait;
      // What comes after an abort may be another's data at the same place.
      if (!task.aborted) this.#write(unit, data, offset);
    } catch (error) {
      task.fail(error, "write");
    }
    this.#gatheredBytes -= data.length;
    held.pieces--;
    if (held.pieces > 0) return;
    this.#held.delete(task);
    if (held.advance) this.#advance(task);
  }

  #gather(task: Task, length: number): Uint8Array | undefined {
    if (task.gathered) return task.gathered;
    if (this.#gatheredBytes + length > MAX_SESSION_GATHER_BYTES) {
      task.fail(new SenseError("insufficientResources"), "write");
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
    const held = this.#held.get(task);
    if (held) {
      held.advance = true;
      return;
    }
    if (transfer.isComplete) {
      this.#complete(task);
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
}
