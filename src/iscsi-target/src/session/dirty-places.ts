/**
 * How many bytes of a disk may be dirty: all that was written since the last flush, but a place that is written again
 * and again (a file system's journal, a swap file) counts once, as it does in the system's memory.
 */

/** Rough, so that the map of a disk of 16 TiB takes 2 MiB and that of an SD card's size 4 KiB. */
const PLACE_BYTES = 1024 * 1024;

export class DirtyPlaces {
  /** A bit for each place; made with the first write. */
  #map: Uint8Array | undefined;
  #places = 0;
  #bytesWritten = 0;

  constructor(private readonly sizeBytes: number) {}

  /** The most that can be dirty. */
  get bytes(): number {
    return Math.min(this.#bytesWritten, this.#places * PLACE_BYTES);
  }

  /** Notes a write, in bytes of the disk. */
  add(offset: number, length: number): void {
    if (length === 0) return;
    this.#map ??= new Uint8Array(Math.ceil(this.sizeBytes / PLACE_BYTES / 8));
    this.#bytesWritten += length;
    const last = Math.floor((offset + length - 1) / PLACE_BYTES);
    for (let place = Math.floor(offset / PLACE_BYTES); place <= last; place++) {
      const index = Math.floor(place / 8);
      const bit = 1 << (place % 8);
      const byte = this.#map[index] ?? 0;
      if ((byte & bit) !== 0) continue;
      this.#map[index] = byte | bit;
      this.#places++;
    }
  }

  /** Counts from nothing again. */
  clear(): void {
    if (this.#places > 0) this.#map?.fill(0);
    this.#places = 0;
    this.#bytesWritten = 0;
  }
}
