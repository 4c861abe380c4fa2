import type { BlockDevice, DeviceExtent } from "../src/block-device.ts";

const PAGE_BYTES = 4096;
const ZEROS = new Uint8Array(PAGE_BYTES);

/** A disk in memory that tells what was done to it. `cold` makes every read wait, as a real disk does. */
export class RamDevice implements BlockDevice {
  readonly bytes: Uint8Array;
  readonly readOnly: boolean;
  flushes = 0;
  cold: boolean;
  /** Writes have to wait for `prepare`, which waits for `hold`'s function. */
  unprepared = false;
  /** Thrown by the next calls of its kind until it is taken away. */
  failure: { on: "read" | "write" | "flush"; code: string } | undefined;
  #gate: Promise<void> | undefined;

  readonly sizeBytes: number;

  /** With `claimsBytes` it says that it is larger than it is, for tests that never get that far. */
  constructor(sizeBytes: number, options: { readOnly?: boolean; cold?: boolean; claimsBytes?: number } = {}) {
    this.bytes = new Uint8Array(sizeBytes);
    this.sizeBytes = options.claimsBytes ?? sizeBytes;
    this.readOnly = options.readOnly ?? false;
    this.cold = options.cold ?? false;
  }

  /** Keeps cold reads, flushes and `prepare` from finishing until the function returned is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    return () => {
      this.#gate = undefined;
      resolve();
    };
  }

  tryRead(into: Uint8Array, offset: number): boolean {
    if (this.cold) return false;
    this.#fill(into, offset);
    return true;
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    await (this.#gate ?? Promise.resolve());
    this.#fill(into, offset);
  }

  prepare(): Promise<void> | undefined {
    return this.unprepared ? (this.#gate ?? Promise.resolve()) : undefined;
  }

  write(data: Uint8Array, offset: number): void {
    this.#fail("write");
    this.bytes.set(data, offset);
  }

  discard(offset: number, length: number): void {
    this.#fail("write");
    this.bytes.fill(0, offset, offset + length);
  }

  *extents(offset: number, length: number): Iterable<DeviceExtent> {
    for (let at = offset; at < offset + length; at += PAGE_BYTES - (at % PAGE_BYTES)) {
      const end = Math.min(at - (at % PAGE_BYTES) + PAGE_BYTES, offset + length);
      const isZero = Buffer.compare(this.bytes.subarray(at, end), ZEROS.subarray(0, end - at)) === 0;
      yield { offset: at, length: end - at, kind: isZero ? "zero" : "data" };
    }
  }

  async flush(): Promise<void> {
    await (this.#gate ?? Promise.resolve());
    this.#fail("flush");
    this.flushes++;
  }

  #fill(into: Uint8Array, offset: number): void {
    this.#fail("read");
    if (offset + into.length > this.bytes.length) throw new RangeError("beyond the end of the disk");
    into.set(this.bytes.subarray(offset, offset + into.length));
  }

  #fail(during: "read" | "write" | "flush"): void {
    if (this.failure?.on !== during) return;
    throw Object.assign(new Error(`no ${during}`), { code: this.failure.code });
  }
}
