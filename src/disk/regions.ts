/** A virtual disk made of regions: bytes at known places, zeros between. It is read as any other disk, and stands nowhere. */
import { checkRange, DiskError } from "./disk-error.ts";
import type { Extent, Layer } from "./layer.ts";

export interface Region {
  /** Bytes from the beginning of the disk. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * Makes the read-only disk; the regions' bytes are not copied. Empty regions are left out.
 * Throws a RangeError when two overlap or one reaches behind the end.
 */
export function regionDisk(sizeBytes: number, regions: readonly Region[]): Layer {
  const sorted = regions.filter(({ bytes }) => bytes.length > 0).toSorted((a, b) => a.offset - b.offset);
  let end = 0;
  for (const { offset, bytes } of sorted) {
    if (offset < end || offset + bytes.length > sizeBytes)
      throw new RangeError(`a region at ${offset} of ${bytes.length} bytes overlaps, or leaves the disk`);
    end = offset + bytes.length;
  }
  return new RegionDisk(sizeBytes, sorted);
}

class RegionDisk implements Layer {
  readonly readOnly = true;

  constructor(
    readonly sizeBytes: number,
    private readonly regions: readonly Region[],
  ) {}

  tryRead(into: Uint8Array, offset: number): boolean {
    this.readNow(into, offset);
    return true;
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    this.readNow(into, offset);
    await Promise.resolve();
  }

  readNow(into: Uint8Array, offset: number): void {
    checkRange(offset, into.byteLength, this.sizeBytes);
    into.fill(0);
    for (const region of this.#touching(offset, into.byteLength)) {
      const from = Math.max(region.offset, offset);
      const to = Math.min(region.offset + region.bytes.length, offset + into.byteLength);
      into.set(region.bytes.subarray(from - region.offset, to - region.offset), from - offset);
    }
  }

  prepare(): undefined {
    return undefined;
  }

  write(): void {
    throw new DiskError("EROFS", "this disk exists in memory alone and is read-only");
  }

  discard(): void {
    this.write();
  }

  async flush(): Promise<void> {
    await Promise.resolve();
  }

  *extents(offset: number, length: number): Generator<Extent> {
    checkRange(offset, length, this.sizeBytes);
    const end = offset + length;
    let at = offset;
    for (const region of this.#touching(offset, length)) {
      const from = Math.max(region.offset, at);
      const to = Math.min(region.offset + region.bytes.length, end);
      if (from > at) yield { offset: at, length: from - at, kind: "zero" };
      yield { offset: from, length: to - from, kind: "data" };
      at = to;
    }
    if (at < end) yield { offset: at, length: end - at, kind: "zero" };
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  /** The regions that share a byte with the range, in order. */
  #touching(offset: number, length: number): readonly Region[] {
    const end = offset + length;
    return this.regions.filter(
      (region) => region.offset < end && region.offset + region.bytes.length > offset,
    );
  }
}
