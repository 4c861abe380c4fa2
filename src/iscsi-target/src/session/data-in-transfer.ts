/**
 * The answer to a read: Data-In PDUs made as the connection takes them, the last one with the status.
 * Data that the device has at hand goes straight into the batch; otherwise it is fetched ahead, within a budget
 * of the connection, and other answers go first.
 */
import { encodeDataIn } from "../pdu/data-in.ts";
import type { Residual } from "../pdu/scsi-response.ts";
import { type Batch, MAX_SEND_DATA_BYTES } from "./batch.ts";
import type { DataSource } from "./data-source.ts";
import type { Outgoing } from "./outbox.ts";
import type { Task } from "./task.ts";

export interface DataInTerms {
  readonly maxDataBytes: number;
  readonly maxBurst: number;
}

/** What a transfer needs of its session. */
export interface DataInHost {
  nextStatSn(): number;
  window(): { readonly expCmdSn: number; readonly maxCmdSn: number };
  /** Counts device work, so that a session's end can wait for it, and wakes the output when it is done. */
  track(work: Promise<void>): void;
  /** Fetched ahead and not yet sent, and fetches under way, of all reads of the session. */
  readonly ahead: { bytes: number; fetches: number };
  /** The last PDU is laid; with `collapsed` it bore the status. */
  finished(task: Task, collapsed: boolean): void;
  failed(task: Task, error: unknown): void;
}

/** One fetch from a device that has to wait. */
const FETCH_BYTES = 256 * 1024;
/**
 * Under way at once, per session: as many as keep a disk busy. Each holds a thread of the pool that all sessions share,
 * and a disk that has stalled must not hold all of them.
 */
const MAX_FETCHES = 8;
/** Fetched and not yet sent, per session: enough to keep a disk's queue busy with small reads. */
const MAX_AHEAD_BYTES = 1024 * 1024;

export class DataInTransfer implements Outgoing {
  readonly #task: Task;
  readonly #source: DataSource;
  readonly #length: number;
  readonly #residual: Residual | undefined;
  readonly #terms: DataInTerms;
  readonly #host: DataInHost;
  #position = 0;
  #burstLeft: number;
  #fetched: Uint8Array | undefined;
  #fetchedAt = 0;
  #isFetching = false;

  /** With `residual` the last PDU bears the status GOOD; without it the caller sends a response of its own. */
  constructor(options: {
    task: Task;
    source: DataSource;
    length: number;
    residual: Residual | undefined;
    terms: DataInTerms;
    host: DataInHost;
  }) {
    this.#task = options.task;
    this.#source = options.source;
    this.#length = options.length;
    this.#residual = options.residual;
    this.#terms = options.terms;
    this.#host = options.host;
    this.#burstLeft = options.terms.maxBurst;
  }

  encode(batch: Batch): "done" | "full" | "waiting" {
    while (!this.#task.aborted && this.#position < this.#length) {
      if (this.#isFetching) return "waiting";
      const length = this.#nextLength();
      if (!batch.fits(length)) return "full";
      try {
        if (!this.#fill(batch.bytes.subarray(batch.dataAt, batch.dataAt + length))) return this.#fetch();
      } catch (error) {
        this.#fail(error);
        return "done";
      }
      this.#lay(batch, length);
    }
    this.#letGo();
    return "done";
  }

  #nextLength(): number {
    const { maxDataBytes } = this.#terms;
    const most = Math.min(maxDataBytes, MAX_SEND_DATA_BYTES, this.#burstLeft, this.#length - this.#position);
    return this.#fetched ? Math.min(most, this.#fetchedAt + this.#fetched.length - this.#position) : most;
  }

  #fill(into: Uint8Array): boolean {
    if (!this.#fetched) return this.#source.tryRead(into, this.#position);
    const from = this.#position - this.#fetchedAt;
    into.set(this.#fetched.subarray(from, from + into.length));
    if (from + into.length === this.#fetched.length) this.#letGo();
    return true;
  }

  #lay(batch: Batch, length: number): void {
    const position = this.#position;
    this.#position += length;
    this.#burstLeft -= length;
    const isLast = this.#position === this.#length;
    const final = isLast || this.#burstLeft === 0;
    if (this.#burstLeft === 0) this.#burstLeft = this.#terms.maxBurst;
    const residual = isLast ? this.#residual : undefined;
    if (isLast) this.#host.finished(this.#task, residual !== undefined);
    const { expCmdSn, maxCmdSn } = this.#host.window();
    encodeDataIn(
      {
        taskTag: this.#task.command.taskTag,
        final,
        dataSn: this.#task.dataInCount++,
        bufferOffset: position,
        dataLength: length,
        status: residual ? { statSn: this.#host.nextStatSn(), residual } : undefined,
        expCmdSn,
        maxCmdSn,
      },
      batch.bytes,
      batch.headerAt,
    );
    batch.finish(length);
  }

  #fetch(): "waiting" {
    const { ahead } = this.#host;
    const length = Math.min(FETCH_BYTES, this.#length - this.#position);
    if (ahead.fetches >= MAX_FETCHES) return "waiting";
    // The first is always let through, so that the budget delays but never blocks.
    if (ahead.bytes > 0 && ahead.bytes + length > MAX_AHEAD_BYTES) return "waiting";
    const bytes = new Uint8Array(length);
    ahead.bytes += length;
    ahead.fetches++;
    this.#isFetching = true;
    this.#host.track(this.#fetchInto(bytes));
    return "waiting";
  }

  async #fetchInto(bytes: Uint8Array): Promise<void> {
    this.#fetchedAt = this.#position;
    try {
      await this.#source.read(bytes, this.#position);
      this.#fetched = bytes;
      if (this.#task.aborted) this.#letGo();
    } catch (error) {
      this.#host.ahead.bytes -= bytes.length;
      this.#fail(error);
    } finally {
      this.#isFetching = false;
      this.#host.ahead.fetches--;
    }
  }

  #fail(error: unknown): void {
    this.#letGo();
    if (!this.#task.aborted) this.#host.failed(this.#task, error);
    // Its place in the outbox must not lay any more of it.
    this.#position = this.#length;
  }

  #letGo(): void {
    if (this.#fetched) this.#host.ahead.bytes -= this.#fetched.length;
    this.#fetched = undefined;
  }
}
