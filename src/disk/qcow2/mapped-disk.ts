/**
 * Reading a qcow2 file that lies over another layer, or over nothing: the part that an open overlay and a layer that
 * is never written again have in common. Where the entries come from is the subclass's business.
 */
import { checkRange } from "../disk-error.ts";
import type { HostFile } from "../host/file.ts";
import type { Extent, Layer } from "../layer.ts";
import { kindOfAll, runsOf, type L2Entry, type Run } from "./entries.ts";
import { pieces } from "./pieces.ts";
import {
  CLUSTER_BYTES,
  ENTRIES_PER_SLICE,
  guestCluster,
  guestClusterOf,
  hostOffset,
  type GuestCluster,
} from "./units.ts";

/** Where each cluster of the guest's disk lies. */
export interface Entries {
  /** Reads the table on the calling thread when it must. Throws a `DiskError` when it is damaged. */
  lookup(cluster: GuestCluster): L2Entry;
  /** Undefined when the table must be read first: `prefetch`. */
  tryLookup(cluster: GuestCluster): L2Entry | undefined;
  /** Makes `tryLookup` of the cluster succeed, reading on the thread pool. */
  prefetch(cluster: GuestCluster): Promise<void>;
  /** First cluster from this one on that may have an entry; what comes before it has none. */
  nextMapped(cluster: GuestCluster): number;
}

export abstract class MappedDisk implements Layer {
  abstract readonly readOnly: boolean;
  /** How many qcow2 files lie upon one another, this one included. */
  readonly overlays: number;

  constructor(
    protected readonly file: HostFile,
    protected readonly entries: Entries,
    protected readonly backing: Layer | undefined,
    readonly sizeBytes: number,
  ) {
    this.overlays = 1 + overlaysIn(backing);
  }

  /** What lies under this file. */
  get beneath(): Layer | undefined {
    return this.backing;
  }

  abstract write(data: Uint8Array, offset: number): void;
  abstract discard(offset: number, length: number): void;
  abstract flush(): Promise<void>;
  abstract close(): Promise<void>;

  tryRead(into: Uint8Array, offset: number): boolean {
    const length = into.byteLength;
    checkRange(offset, length, this.sizeBytes);
    const within = offset % CLUSTER_BYTES;
    if (within + length <= CLUSTER_BYTES) return this.#tryReadIn(guestClusterOf(offset), within, into);
    for (const piece of pieces(offset, length)) {
      const part = into.subarray(piece.done, piece.done + piece.length);
      if (!this.#tryReadIn(piece.cluster, piece.within, part)) return false;
    }
    return true;
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    checkRange(offset, into.byteLength, this.sizeBytes);
    const waits: Promise<void>[] = [];
    for (const piece of pieces(offset, into.byteLength)) {
      let entry = this.entries.tryLookup(piece.cluster);
      if (!entry) {
        await this.entries.prefetch(piece.cluster);
        entry = this.entries.lookup(piece.cluster);
      }
      for (const run of runsOf(entry, piece.within, piece.length)) {
        const part = into.subarray(piece.done + run.offset - piece.within).subarray(0, run.length);
        if (!this.#tryReadRun(piece.cluster, run, part)) waits.push(this.#readRun(piece.cluster, run, part));
      }
    }
    await Promise.all(waits);
  }

  /** The tables of every file of the chain, for the range. */
  prepare(offset: number, length: number): Promise<void> | undefined {
    checkRange(offset, length, this.sizeBytes);
    const there = this.backing ? Math.max(0, Math.min(length, this.backing.sizeBytes - offset)) : 0;
    const beneath = there > 0 ? this.backing?.prepare(offset, there) : undefined;
    const missing = this.#missing(offset, length);
    if (missing.length === 0) return beneath;
    return Promise.all([beneath, ...missing.map((cluster) => this.entries.prefetch(cluster))]).then(
      () => undefined,
    );
  }

  /** A cluster of each page of tables that is not in memory. */
  #missing(offset: number, length: number): GuestCluster[] {
    const missing: GuestCluster[] = [];
    const last = guestClusterOf(offset + Math.max(length, 1) - 1);
    let cluster = guestClusterOf(offset);
    while (cluster <= last) {
      const mapped = this.entries.nextMapped(cluster);
      if (mapped > cluster) {
        cluster = guestCluster(mapped);
        continue;
      }
      if (!this.entries.tryLookup(cluster)) missing.push(cluster);
      cluster = guestCluster((Math.floor(cluster / ENTRIES_PER_SLICE) + 1) * ENTRIES_PER_SLICE);
    }
    return missing;
  }

  readNow(into: Uint8Array, offset: number): void {
    checkRange(offset, into.byteLength, this.sizeBytes);
    for (const piece of pieces(offset, into.byteLength)) {
      for (const run of runsOf(this.entries.lookup(piece.cluster), piece.within, piece.length)) {
        const part = into.subarray(piece.done + run.offset - piece.within).subarray(0, run.length);
        this.readRunNow(piece.cluster, run, part);
      }
    }
  }

  *extents(offset: number, length: number): Generator<Extent> {
    checkRange(offset, length, this.sizeBytes);
    const unmapped = this.backing ? "backing" : "zero";
    let open: { offset: number; length: number; kind: Extent["kind"] } | undefined;
    for (const { start, end, place } of this.#places(offset, offset + length)) {
      const kind = place === "backing" ? unmapped : place;
      if (open?.kind === kind) {
        open.length += end - start;
        continue;
      }
      if (open) yield open;
      open = { offset: start, length: end - start, kind };
    }
    if (open) yield open;
  }

  /** Where the bytes of a range lie. Where a whole table is missing, which says "beneath" for a gigabyte, it is one step. */
  *#places(
    offset: number,
    end: number,
  ): Generator<{ readonly start: number; readonly end: number; readonly place: Run["place"]["kind"] }> {
    let at = offset;
    while (at < end) {
      const cluster = guestClusterOf(at);
      const mapped = Math.min(end, this.entries.nextMapped(cluster) * CLUSTER_BYTES);
      if (mapped > at) {
        yield { start: at, end: mapped, place: "backing" };
        at = mapped;
        continue;
      }
      const base = cluster * CLUSTER_BYTES;
      const within = at - base;
      for (const run of runsOf(
        this.entries.lookup(cluster),
        within,
        Math.min(CLUSTER_BYTES, end - base) - within,
      )) {
        at = base + run.offset + run.length;
        yield { start: base + run.offset, end: at, place: run.place.kind };
      }
    }
  }

  protected readRunNow(cluster: GuestCluster, run: Run, into: Uint8Array): void {
    if (run.place.kind === "data") return this.file.readNow(into, run.place.hostOffset);
    const source = this.#beneath(cluster * CLUSTER_BYTES + run.offset, into, run.place.kind === "zero");
    source?.layer.readNow(source.into, source.offset);
  }

  /** Part of one cluster, which mostly lies in one place. */
  #tryReadIn(cluster: GuestCluster, within: number, into: Uint8Array): boolean {
    const entry = this.entries.tryLookup(cluster);
    if (!entry) return false;
    const kind = kindOfAll(entry, within, into.byteLength);
    if (kind === "data") return this.file.tryRead(into, hostOffset(entry.host) + within);
    if (kind !== undefined) {
      return this.#tryReadBeneath(cluster * CLUSTER_BYTES + within, into, kind === "zero");
    }
    for (const run of runsOf(entry, within, into.byteLength)) {
      const part = into.subarray(run.offset - within, run.offset - within + run.length);
      if (!this.#tryReadRun(cluster, run, part)) return false;
    }
    return true;
  }

  #tryReadRun(cluster: GuestCluster, run: Run, into: Uint8Array): boolean {
    if (run.place.kind === "data") return this.file.tryRead(into, run.place.hostOffset);
    return this.#tryReadBeneath(cluster * CLUSTER_BYTES + run.offset, into, run.place.kind === "zero");
  }

  #tryReadBeneath(offset: number, into: Uint8Array, zero: boolean): boolean {
    const source = this.#beneath(offset, into, zero);
    return source === undefined || source.layer.tryRead(source.into, source.offset);
  }

  async #readRun(cluster: GuestCluster, run: Run, into: Uint8Array): Promise<void> {
    if (run.place.kind === "data") return this.file.read(into, run.place.hostOffset);
    const source = this.#beneath(cluster * CLUSTER_BYTES + run.offset, into, run.place.kind === "zero");
    await source?.layer.read(source.into, source.offset);
  }

  /** Zeroes what no backing has (a disk may be larger than its image) and returns the part to read from beneath, if any. */
  #beneath(
    offset: number,
    into: Uint8Array,
    zero: boolean,
  ): { layer: Layer; into: Uint8Array; offset: number } | undefined {
    const layer = zero ? undefined : this.backing;
    const there = layer ? Math.max(0, Math.min(into.byteLength, layer.sizeBytes - offset)) : 0;
    if (there < into.byteLength) into.fill(0, there);
    if (!layer || there === 0) return undefined;
    return { layer, into: there === into.byteLength ? into : into.subarray(0, there), offset };
  }
}

/** How many qcow2 files lie upon one another in a layer: 0 for a raw file or nothing. */
export function overlaysIn(layer: Layer | undefined): number {
  return layer instanceof MappedDisk ? layer.overlays : 0;
}
