/**
 * The pages of L2 tables in memory, of all open overlays together: how many sessions are open does not change what
 * they may take. The page that has been in longest makes room.
 */
import type { SliceIndex } from "./units.ts";

/**
 * Pages of 4 KiB that are kept: 32 MiB of memory, which map 256 GiB of disks. A miss costs one read of a page, mostly
 * from the page cache.
 */
export const MAX_CACHED_SLICES = 8192;

export interface Slice {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly index: SliceIndex;
  readonly owner: SliceCache;
}

/** Every cached page, oldest first. */
const all = new Set<Slice>();

/** The cached pages of one file. */
export class SliceCache {
  readonly #slices = new Map<SliceIndex, Slice>();

  get(index: SliceIndex): Slice | undefined {
    return this.#slices.get(index);
  }

  /** Takes the bytes of a page, which must not change any more. */
  set(index: SliceIndex, bytes: Uint8Array): Slice {
    this.#drop(this.#slices.get(index));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const slice = { bytes, view, index, owner: this };
    this.#slices.set(index, slice);
    all.add(slice);
    if (all.size > MAX_CACHED_SLICES) {
      const [oldest] = all;
      if (oldest) oldest.owner.#drop(oldest);
    }
    return slice;
  }

  /** Forgets everything: the file is closed. */
  clear(): void {
    for (const slice of this.#slices.values()) all.delete(slice);
    this.#slices.clear();
  }

  #drop(slice: Slice | undefined): void {
    if (!slice) return;
    all.delete(slice);
    this.#slices.delete(slice.index);
  }
}
