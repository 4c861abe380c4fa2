/**
 * Hashing beside the unpacking: the sum of a disk takes as long as reading it. Content goes through a ring of slots in shared
 * memory; the thread is asked for when the ring is full for the first time, so that a small image needs none.
 */
import { type ContentHash, type ContentSums, Sha256 } from "./content-hash.ts";
import {
  type FromHasher,
  type HashStep,
  SLOT_BYTES,
  SLOTS,
  type ToHasher,
  ZEROS_PER_SLOT,
} from "./messages.ts";

export class ThreadedHash implements ContentHash {
  readonly #ring = new SharedArrayBuffer(SLOTS * SLOT_BYTES);
  readonly #free = Array.from({ length: SLOTS }, (_, slot) => slot);
  readonly #openThread: () => Promise<MessagePort>;
  #port: MessagePort | undefined;
  /** What was to be hashed before there was a thread. */
  readonly #kept: HashStep[] = [];
  #filling: { readonly slot: number; length: number } | undefined;
  #onFreed: (() => void) | undefined;
  #onDigest: ((sums: ContentSums) => void) | undefined;

  /** @param openThread gives the way to a thread that runs `hash-worker.ts` */
  constructor(openThread: () => Promise<MessagePort>) {
    this.#openThread = openThread;
  }

  async update(bytes: Uint8Array): Promise<void> {
    for (let taken = 0; taken < bytes.byteLength;) {
      const filling = (this.#filling ??= { slot: await this.#takeSlot(), length: 0 });
      const part = bytes.subarray(taken, taken + SLOT_BYTES - filling.length);
      this.#slot(filling.slot).set(part, filling.length);
      filling.length += part.byteLength;
      taken += part.byteLength;
      if (filling.length === SLOT_BYTES) this.#submit();
    }
  }

  async zeros(length: number): Promise<void> {
    this.#submit();
    for (let left = length; left > 0; left -= ZEROS_PER_SLOT)
      this.#step({ type: "zeros", slot: await this.#takeSlot(), length: Math.min(left, ZEROS_PER_SLOT) });
  }

  async digest(paddingBytes: number): Promise<ContentSums> {
    this.#submit();
    if (!this.#port) return this.#digestHere(paddingBytes);
    const sums = new Promise<ContentSums>((resolve) => {
      this.#onDigest = resolve;
    });
    this.#step({ type: "digest", paddingBytes });
    return sums;
  }

  #submit(): void {
    const filled = this.#filling;
    this.#filling = undefined;
    if (filled) this.#step({ type: "slot", ...filled });
  }

  #step(step: HashStep): void {
    if (this.#port) tell(this.#port, step);
    else this.#kept.push(step);
  }

  async #takeSlot(): Promise<number> {
    for (;;) {
      const slot = this.#free.pop();
      if (slot !== undefined) return slot;
      const freed = new Promise<void>((resolve) => {
        this.#onFreed = resolve;
      });
      if (!this.#port) await this.#start();
      await freed;
    }
  }

  async #start(): Promise<void> {
    const port = await this.#openThread();
    port.addEventListener("message", ({ data }: MessageEvent<FromHasher>) => {
      if (data.type === "digest") {
        const { sha256, contentSha256 } = data;
        this.#onDigest?.({ sha256, contentSha256 });
        return;
      }
      this.#free.push(data.slot);
      this.#onFreed?.();
    });
    port.start();
    this.#port = port;
    tell(port, { type: "ring", ring: this.#ring });
    for (const step of this.#kept.splice(0)) tell(port, step);
  }

  #digestHere(paddingBytes: number): ContentSums {
    const hash = new Sha256();
    for (const step of this.#kept) {
      if (step.type === "slot") hash.update(this.#slot(step.slot).subarray(0, step.length));
      else if (step.type === "zeros") hash.zeros(step.length);
    }
    return hash.digest(paddingBytes);
  }

  #slot(slot: number): Uint8Array {
    return new Uint8Array(this.#ring, slot * SLOT_BYTES, SLOT_BYTES);
  }
}

function tell(port: MessagePort, message: ToHasher): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port has no origin, a window has
  port.postMessage(message);
}
