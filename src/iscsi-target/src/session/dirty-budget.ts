/**
 * Bytes that a session has written and nobody has flushed yet. Left alone they would fill the page cache until the
 * system makes a write wait for the disk, and with it the event loop and everyone on it. So before the end of the
 * budget a flush begins beside the writes, and beyond it answers to writes (and R2Ts) wait for that flush. Not sooner
 * than that: a flush is work on the disk's file that the writes then wait for in turn, and the system writes back by itself.
 */
import type { BlockDevice } from "../block-device.ts";
import { DirtyPlaces } from "./dirty-places.ts";

/** The part of the budget at which a flush begins beside the writes: the rest is what they fill meanwhile. */
const FLUSH_AT = 0.75;

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
    return this.#flush === undefined && this.#bytes >= this.#maxBytes * FLUSH_AT;
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
  readonly #dirty: DirtyPlaces;
  #failure: { readonly error: unknown } | undefined;
  readonly extents?: NonNullable<BlockDevice["extents"]>;
  readonly prepare?: NonNullable<BlockDevice["prepare"]>;

  constructor(device: BlockDevice, count: (bytes: number) => void) {
    this.#device = device;
    this.#count = count;
    this.#dirty = new DirtyPlaces(device.sizeBytes);
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
    const before = this.#dirty.bytes;
    this.#dirty.add(offset, data.length);
    this.#count(this.#dirty.bytes - before);
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
      if (this.#dirty.bytes > 0) await this.#flush();
    } catch (error) {
      this.#failure = { error };
    }
    // What an initiator's own flush has begun counts until that is done: whoever waits, waits for it too.
    await Promise.allSettled(this.#underWay);
  }

  #flush(): Promise<void> {
    const begun = this.#dirty.bytes;
    this.#dirty.clear();
    const work = this.#device.flush().finally(() => {
      this.#count(-begun);
      this.#underWay.delete(work);
    });
    this.#underWay.add(work);
    return work;
  }
}
