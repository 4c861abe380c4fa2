/** The plainest layer: bytes in memory. A base for overlays under test, and the model that they are compared with. */
import { checkRange, DiskError } from "../../src/disk/disk-error.ts";
import type { Extent, Layer } from "../../src/disk/layer.ts";

export class MemoryLayer implements Layer {
  readonly sizeBytes: number;
  closed = false;

  constructor(
    readonly bytes: Uint8Array,
    readonly readOnly = true,
  ) {
    this.sizeBytes = bytes.byteLength;
  }

  tryRead(into: Uint8Array, offset: number): boolean {
    this.readNow(into, offset);
    return true;
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    this.readNow(into, offset);
  }

  readNow(into: Uint8Array, offset: number): void {
    checkRange(offset, into.byteLength, this.sizeBytes);
    into.set(this.bytes.subarray(offset, offset + into.byteLength));
  }

  prepare(): undefined {
    return undefined;
  }

  write(data: Uint8Array, offset: number): void {
    checkRange(offset, data.byteLength, this.sizeBytes);
    if (this.readOnly) throw new DiskError("EROFS", "the memory is read-only");
    this.bytes.set(data, offset);
  }

  discard(offset: number, length: number): void {
    this.write(new Uint8Array(length), offset);
  }

  async flush(): Promise<void> {
    await Promise.resolve();
  }

  *extents(offset: number, length: number): Generator<Extent> {
    checkRange(offset, length, this.sizeBytes);
    yield { offset, length, kind: "data" };
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.resolve();
  }
}
