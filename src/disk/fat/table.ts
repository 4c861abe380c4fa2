/** The file allocation table: which cluster follows which. It is held in memory, and written back in the sectors that changed. */
import type { FatGeometry } from "./boot-sector.ts";
import { FatError } from "./fat-error.ts";

export const FIRST_CLUSTER = 2;
const FREE = 0;

export class FatTable {
  readonly #geometry: FatGeometry;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #dirty = new Set<number>();
  #next = FIRST_CLUSTER;

  constructor(geometry: FatGeometry, bytes: Uint8Array) {
    this.#geometry = geometry;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The clusters of a chain in order. Throws on one that leads out of the file system or into itself. */
  chain(first: number): number[] {
    const clusters: number[] = [];
    const last = this.#geometry.clusters + FIRST_CLUSTER - 1;
    for (let cluster = first; ; cluster = this.#get(cluster)) {
      if (this.#isEnd(cluster) && clusters.length > 0) return clusters;
      if (cluster < FIRST_CLUSTER || cluster > last || clusters.length > this.#geometry.clusters)
        throw new FatError("damaged", `a chain of clusters leads to ${cluster}`);
      clusters.push(cluster);
    }
  }

  /** Takes free clusters and links them, after `after` when that is given. */
  allocate(count: number, after?: number): number[] {
    const taken: number[] = [];
    const { clusters } = this.#geometry;
    for (let looked = 0; looked < clusters && taken.length < count; looked++) {
      const cluster = FIRST_CLUSTER + ((this.#next - FIRST_CLUSTER + looked) % clusters);
      if (this.#get(cluster) === FREE) taken.push(cluster);
    }
    if (taken.length < count) throw new FatError("full", "the FAT file system is full");
    this.#next = (taken.at(-1) ?? this.#next) + 1;
    taken.forEach((cluster, i) => this.#set(cluster, taken[i + 1] ?? this.#endMark));
    const [first] = taken;
    if (after !== undefined && first !== undefined) this.#set(after, first);
    return taken;
  }

  free(clusters: readonly number[]): void {
    for (const cluster of clusters) this.#set(cluster, FREE);
  }

  get freeClusters(): number {
    let count = 0;
    for (let i = 0; i < this.#geometry.clusters; i++) if (this.#get(FIRST_CLUSTER + i) === FREE) count++;
    return count;
  }

  /** A cluster where free ones are likely, for the next one who looks. */
  get nextFree(): number {
    return Math.min(this.#next, this.#geometry.clusters + FIRST_CLUSTER - 1);
  }

  /** The sectors that have changed since the last call, as offsets into the table with their bytes. */
  takeChanges(): { readonly at: number; readonly bytes: Uint8Array }[] {
    const { sectorBytes } = this.#geometry;
    const changes = [...this.#dirty]
      .toSorted((a, b) => a - b)
      .map((sector) => ({
        at: sector * sectorBytes,
        bytes: this.#bytes.slice(sector * sectorBytes, (sector + 1) * sectorBytes),
      }));
    this.#dirty.clear();
    return changes;
  }

  get #endMark(): number {
    return { 12: 0xfff, 16: 0xffff, 32: 0x0fffffff }[this.#geometry.kind];
  }

  #isEnd(value: number): boolean {
    return value >= this.#endMark - 7;
  }

  #get(cluster: number): number {
    switch (this.#geometry.kind) {
      case 12: {
        const pair = this.#view.getUint16(Math.floor(cluster * 1.5), true);
        return cluster % 2 === 0 ? pair & 0xfff : pair >>> 4;
      }
      case 16:
        return this.#view.getUint16(cluster * 2, true);
      case 32:
        // The upper four bits are reserved, and kept.
        return this.#view.getUint32(cluster * 4, true) & 0x0fffffff;
    }
  }

  #set(cluster: number, value: number): void {
    switch (this.#geometry.kind) {
      case 12: {
        const at = Math.floor(cluster * 1.5);
        const pair = this.#view.getUint16(at, true);
        const changed = cluster % 2 === 0 ? (pair & 0xf000) | value : (pair & 0x000f) | (value << 4);
        this.#view.setUint16(at, changed, true);
        this.#touch(at, 2);
        return;
      }
      case 16:
        this.#view.setUint16(cluster * 2, value, true);
        this.#touch(cluster * 2, 2);
        return;
      case 32: {
        const kept = this.#view.getUint32(cluster * 4, true) & 0xf0000000;
        this.#view.setUint32(cluster * 4, (kept | value) >>> 0, true);
        this.#touch(cluster * 4, 4);
        return;
      }
    }
  }

  #touch(at: number, bytes: number): void {
    const { sectorBytes } = this.#geometry;
    this.#dirty.add(Math.floor(at / sectorBytes));
    this.#dirty.add(Math.floor((at + bytes - 1) / sectorBytes));
  }
}
