/** Empties a session's outbox into its socket, batch by batch, and keeps what the socket did not take. */
import type { Batch } from "../session/batch.ts";
import { BATCH_BYTES } from "../session/batch.ts";
import type { Outbox } from "../session/outbox.ts";

export interface Writable {
  /** As Bun's: bytes taken, or less than 0 on a closed socket. */
  write(data: Uint8Array): number;
}

/** What all connections of a server share. */
export interface SharedOutput {
  readonly batch: Batch;
  /** Unsent tails of all connections. */
  tailBytes: number;
}

export interface Digests {
  readonly headerDigest: boolean;
  readonly dataDigest: boolean;
}

/** Written in one turn of the event loop before other connections get theirs. */
const TURN_BYTES = 4 * BATCH_BYTES;
/** Beyond this many bytes of tails, many peers do not read; then each gets a batch of CROWDED_BATCH_BYTES only. */
const CROWDED_TAIL_BYTES = 32 * 1024 * 1024;
const CROWDED_BATCH_BYTES = 64 * 1024;

export class Output {
  readonly #socket: Writable;
  readonly #shared: SharedOutput;
  #tail: Uint8Array | undefined;
  #isClosed = false;

  constructor(socket: Writable, shared: SharedOutput) {
    this.#socket = socket;
    this.#shared = shared;
  }

  /** Whether bytes wait for the socket to drain. */
  get isBlocked(): boolean {
    return this.#tail !== undefined;
  }

  /** Sends bytes that were made elsewhere (login responses). */
  send(bytes: Uint8Array): void {
    if (this.#tail) this.#keep(Buffer.concat([this.#tail, bytes]));
    else this.#write(bytes);
  }

  /** Sends what the socket did not take before. */
  retry(): void {
    if (this.#tail) this.#write(this.#tail);
  }

  /** Sends what there is; true when it stopped only to let others have their turn. */
  flush(outbox: Outbox, digests: Digests): boolean {
    if (this.#tail && !this.#write(this.#tail)) return false;
    const { batch } = this.#shared;
    let written = 0;
    for (;;) {
      const crowded = this.#shared.tailBytes > CROWDED_TAIL_BYTES;
      batch.reset({ limit: crowded ? CROWDED_BATCH_BYTES : BATCH_BYTES, ...digests });
      const more = outbox.fill(batch);
      if (batch.used === 0) return false;
      written += batch.used;
      if (!this.#write(batch.bytes.subarray(0, batch.used)) || !more) return false;
      if (written >= TURN_BYTES) return true;
    }
  }

  /** Forgets everything. */
  close(): void {
    this.#isClosed = true;
    this.#keep(undefined);
  }

  /** True when the socket took it all; otherwise the rest has been kept. */
  #write(bytes: Uint8Array): boolean {
    if (this.#isClosed) return false;
    const taken = Math.max(0, this.#socket.write(bytes));
    if (taken === bytes.length) {
      this.#keep(undefined);
      return true;
    }
    // A tail is a copy already; a batch is the server's and is about to be filled for someone else.
    this.#keep(bytes === this.#tail ? bytes.subarray(taken) : bytes.slice(taken));
    return false;
  }

  #keep(tail: Uint8Array | undefined): void {
    this.#shared.tailBytes += (tail?.length ?? 0) - (this.#tail?.length ?? 0);
    this.#tail = tail;
  }
}
