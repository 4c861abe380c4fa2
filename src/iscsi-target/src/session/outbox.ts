/** What one connection has yet to say, in order. Nothing is turned into bytes before there is room for it. */
import type { Batch } from "./batch.ts";

export interface Outgoing {
  /**
   * Lays as many whole PDUs as there is room for. "full": more when the batch has been sent.
   * "waiting": more once something else has happened; those behind it go first.
   */
  encode(batch: Batch): "done" | "full" | "waiting";
}

/**
 * Answers that wait for a peer to read them. Commands in flight are bounded by the command window; beyond this many,
 * nothing more is taken from the peer until it reads.
 */
const CONGESTED_ENTRIES = 512;
/** Ping data and text that such answers hold: four of the longest. */
const CONGESTED_BYTES = 1024 * 1024;

export class Outbox {
  readonly #queue: Outgoing[] = [];
  #bytesHeld = 0;

  push(outgoing: Outgoing): void {
    this.#queue.push(outgoing);
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  get isCongested(): boolean {
    return this.#queue.length > CONGESTED_ENTRIES || this.#bytesHeld > CONGESTED_BYTES;
  }

  /** Counts data that a queued answer holds by itself (ping data, text): `bytes` is negative when it is let go. */
  hold(bytes: number): void {
    this.#bytesHeld += bytes;
  }

  /** Fills the batch; true when it stopped for want of room. */
  fill(batch: Batch): boolean {
    const queue = this.#queue;
    let kept = 0;
    for (let i = 0; i < queue.length; i++) {
      const outgoing = queue[i];
      const state = outgoing?.encode(batch);
      if (state === "full") {
        queue.splice(kept, i - kept);
        return true;
      }
      if (state === "waiting" && outgoing) queue[kept++] = outgoing;
    }
    queue.length = kept;
    return false;
  }

  clear(): void {
    this.#queue.length = 0;
    this.#bytesHeld = 0;
  }
}
