/**
 * Bytes that a session has written and nobody has flushed yet. Left alone they would fill the page cache until the
 * system makes a write wait for the disk, and with it the event loop and everyone on it. So half way through the
 * budget a flush begins beside the writes, and beyond it answers to writes (and R2Ts) wait for that flush.
 */
import type { BlockDevice } from "../block-device.ts";

export class DirtyBudget {
  readonly #maxBytes: number;
  readonly #devices: MeteredDevice[] = [];
  #bytes = 0;
  #flush: Promise<void> | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The device with its writes and flushes counted here. */
  meter(device: BlockDevice): BlockDevice {
    const metered = new MeteredDevice(device, (bytes) => (this.#bytes += bytes));
    this.#devices.push(metered);
    return metered;
  }

  /** Time for a flush that no one waits for yet. */
  get isFlushDue(): boolean {
    return this.#flush === undefined && this.#bytes >= this.#maxBytes / 2;
  }

  /** Writers are to wait for `relief`. */
  get isSpent(): boolean {
    return this.#bytes >= this.#maxBytes;
  }

  /** Flushes every device, or joins the flush under way. Never rejects: what fails is said to the initiator's next flush. */
  flush(): Promise<void> {
    this.#flush ??= Promise.all(this.#devices.map((device) => device.flushBehind())).then(() => {
      this.#flush = undefined;
    });
    return this.#flush;
  }

  /** Resolves when there is room again. */
  async relief(): Promise<void> {
    while (this.isSpent) await this.flush();
  }
}

class MeteredDevice implements BlockDevice {
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly #device: BlockDevice;
  readonly #count: (bytes: number) => void;
  readonly #underWay = new Set<Promise<void>>();
  #dirtyBytes = 0;
  #failure: { readonly error: unknown } | undefined;
  readonly extents?: NonNullable<BlockDevice["extents"]>;
  readonly prepare?: NonNullable<BlockDevice["prepare"]>;

  constructor(device: BlockDevice, count: (bytes: number) => void) {
    this.#device = device;
    this.#count = count;
    this.sizeBytes = device.sizeBytes;
    this.readOnly = device.readOnly;
    if (device.extents) this.extents = device.extents.bind(device);
    if (device.prepare) this.prepare = device.prepare.bind(device);
  }

  tryRead(into: Uint8Array, offset: number): boolean {
    return this.#device.tryRead(into, offset);
  }

  read(into: Uint8Array, offset: number): Promise<void> {
    return this.#device.read(into, offset);
  }

  write(data: Uint8Array, offset: number): void {
    this.#device.write(data, offset);
    this.#dirtyBytes += data.length;
    this.#count(data.length);
  }

  discard(offset: number, length: number): void {
    this.#device.discard(offset, length);
  }

  /** The initiator's own flush. The system tells of a lost write once; when that was not to the initiator, it is now. */
  async flush(): Promise<void> {
    await this.#flush();
    if (!this.#failure) return;
    const { error } = this.#failure;
    this.#failure = undefined;
    throw error;
  }

  async flushBehind(): Promise<void> {
    try {
      if (this.#dirtyBytes > 0) await this.#flush();
    } catch (error) {
      this.#failure = { error };
    }
    // What an initiator's own flush has begun counts until that is done: whoever waits, waits for it too.
    await Promise.allSettled(this.#underWay);
  }

  #flush(): Promise<void> {
    const begun = this.#dirtyBytes;
    this.#dirtyBytes = 0;
    const work = this.#device.flush().finally(() => {
      this.#count(-begun);
      this.#underWay.delete(work);
    });
    this.#underWay.add(work);
    return work;
  }
}
