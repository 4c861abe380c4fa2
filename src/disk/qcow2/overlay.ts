/**
 * An overlay: the qcow2 file of one session's writes over an image that never changes, or over nothing (blank).
 * This file is the disk as the guest sees it; `metadata.ts` holds the clusters and the order of writes, `open.ts` opens.
 */
import { checkRange, DiskError } from "../disk-error.ts";
import { GroupCommit } from "../host/group-commit.ts";
import type { HostFile } from "../host/file.ts";
import type { Layer } from "../layer.ts";
import {
  discardedParts,
  isAllocated,
  merged,
  pieces,
  roundDown,
  roundUp,
  type Piece,
  type Range,
} from "./pieces.ts";
import type { ReadsUnderWay } from "./reads-under-way.ts";
import { kindOfAll, runsOf, sameEntry, type Change, type L2Entry } from "./entries.ts";
import { MappedDisk } from "./mapped-disk.ts";
import type { Journal } from "./journal.ts";
import type { OverlayMetadata } from "./metadata.ts";
import type { Recovery } from "./recover.ts";
import {
  CLUSTER_BYTES,
  guestClusterOf,
  hostOffset,
  NO_CLUSTER,
  SUBCLUSTER_BYTES,
  SUBCLUSTERS,
  subclusterMask,
  type GuestCluster,
  type HostCluster,
} from "./units.ts";

/**
 * Entries that wait for a flush before the overlay commits by itself (about 4 MiB of memory and journal). More can
 * gather while that commit runs, but never more than one for each page that the kernel lets this process dirty.
 */
const COMMIT_AT_PENDING_ENTRIES = 16_384;

/** What ends the use of the file. */
export interface Ending {
  readonly journal: Journal;
  /** Clears the dirty bit, on stable storage, once everything is committed. */
  markClean(): Promise<void>;
}

interface Placed {
  readonly data: Uint8Array;
  /** Where in the file. */
  readonly offset: number;
  /** What the entry becomes, once the data is there. */
  readonly change?: Change;
  /** The cluster that was taken for it. */
  readonly taken?: HostCluster;
}

export class Overlay extends MappedDisk {
  #state: "open" | "freezing" | "frozen" = "open";
  readonly #commit: GroupCommit;
  /** Assembles subclusters whose first write covers them in part. Calls of `write` never overlap, so one is enough. */
  #scratch: Uint8Array | undefined;

  /** For `openOverlay` alone. */
  constructor(
    file: HostFile,
    private readonly metadata: OverlayMetadata,
    private readonly reads: ReadsUnderWay,
    backing: Layer | undefined,
    sizeBytes: number,
    /** What opening found and mended. */
    readonly recovery: Recovery,
    private readonly ending: Ending,
  ) {
    super(file, metadata, backing, sizeBytes);
    this.#commit = new GroupCommit(() => this.metadata.commit());
  }

  override async read(into: Uint8Array, offset: number): Promise<void> {
    await this.reads.track(super.read(into, offset));
  }

  get readOnly(): boolean {
    return this.#state !== "open";
  }

  /**
   * The tables, and the edges of the range that do not fill a subcluster: a page of the host. (Whole ones are not read.)
   * What is read here is in the page cache when the write comes.
   */
  override prepare(offset: number, length: number): Promise<void> | undefined {
    const tables = super.prepare(offset, length);
    if (tables) return tables.then(() => this.#prepareEdges(offset, length));
    return this.#prepareEdges(offset, length);
  }

  write(data: Uint8Array, offset: number): void {
    this.#checkWritable(offset, data.byteLength);
    const within = offset % CLUSTER_BYTES;
    if (within + data.byteLength <= CLUSTER_BYTES) {
      if (data.byteLength > 0) this.#writeCluster(guestClusterOf(offset), within, data);
      return this.#commitWhenMuchWaits();
    }
    this.#writeClusters(offset, data);
    this.#commitWhenMuchWaits();
  }

  discard(offset: number, length: number): void {
    this.#checkWritable(offset, length);
    const changes: Change[] = [];
    const freed: HostCluster[] = [];
    const holes: Range[] = [];
    for (const piece of pieces(offset, length)) {
      this.#zeroEdges(piece);
      const mask = this.#wholeSubclusters(piece);
      const old = this.metadata.lookup(piece.cluster);
      const entry = this.#withZeros(old, mask);
      if (sameEntry(old, entry)) continue;
      changes.push([piece.cluster, entry]);
      if (old.host !== NO_CLUSTER && entry.host === NO_CLUSTER) freed.push(old.host);
      // Punching before the change is durable is right: old entry and hole together read as the zeros asked for.
      for (const part of discardedParts(old, mask)) {
        holes.push({ offset: hostOffset(old.host) + part.offset, length: part.length });
      }
    }
    if (changes.length > 0) this.metadata.change(changes, freed);
    for (const hole of merged(holes)) this.file.punch(hole.offset, hole.length);
    this.#commitWhenMuchWaits();
  }

  flush(): Promise<void> {
    return this.#commit.request();
  }

  /**
   * Takes no more writes ("EROFS"), flushes and marks the file as clean; it can be read on, as what lies beneath another
   * overlay. When it fails the file stays dirty, and another call tries again.
   */
  async freeze(): Promise<void> {
    if (this.#state === "frozen") return;
    this.#state = "freezing";
    await this.flush();
    await this.ending.markClean();
    this.#state = "frozen";
    this.ending.journal.remove();
  }

  /** Freezes it and releases it and its backing. Left dirty, and mended at the next opening, when that fails. */
  async close(): Promise<void> {
    try {
      await this.freeze();
    } finally {
      if (this.#state !== "frozen") this.ending.journal.close();
      this.metadata.forget();
      this.file.close();
      await this.backing?.close();
    }
  }

  #checkWritable(offset: number, length: number): void {
    checkRange(offset, length, this.sizeBytes);
    if (this.readOnly) throw new DiskError("EROFS", `${this.file.path}: the layer is read-only`);
  }

  #writeCluster(cluster: GuestCluster, within: number, data: Uint8Array): void {
    const place = this.#placeOf(cluster, within, data);
    try {
      this.file.write(place.data, place.offset);
      if (place.change) this.metadata.change([place.change]);
    } catch (error) {
      if (place.taken !== undefined) this.metadata.giveBack(place.taken);
      throw error;
    }
  }

  /** What is to lie side by side in the file goes there in one call, and all the entries into the journal in another. */
  #writeClusters(offset: number, data: Uint8Array): void {
    const changes: Change[] = [];
    const taken: HostCluster[] = [];
    let run = { offset: 0, from: 0, to: 0 };
    const put = (): void => {
      if (run.to > run.from) this.file.write(data.subarray(run.from, run.to), run.offset);
    };
    try {
      for (const { cluster, within, done, length } of pieces(offset, data.byteLength)) {
        const part = data.subarray(done, done + length);
        const place = this.#placeOf(cluster, within, part);
        if (place.change) changes.push(place.change);
        if (place.taken !== undefined) taken.push(place.taken);
        if (place.data !== part) {
          // Put together in the scratch, which the next piece may need.
          this.file.write(place.data, place.offset);
        } else if (run.offset + (run.to - run.from) === place.offset && run.to === done) {
          run.to += length;
        } else {
          put();
          run = { offset: place.offset, from: done, to: done + length };
        }
      }
      put();
      if (changes.length > 0) this.metadata.change(changes);
    } catch (error) {
      for (const host of taken) this.metadata.giveBack(host);
      throw error;
    }
  }

  /** Where in the file a piece of one cluster goes, and with what around it. */
  #placeOf(cluster: GuestCluster, within: number, data: Uint8Array): Placed {
    const entry = this.metadata.lookup(cluster);
    const first = Math.floor(within / SUBCLUSTER_BYTES);
    const last = Math.floor((within + data.byteLength - 1) / SUBCLUSTER_BYTES);
    const mask = subclusterMask(first, last - first + 1);
    if ((entry.allocated & mask) >>> 0 === mask) {
      this.metadata.touch();
      return { data, offset: hostOffset(entry.host) + within };
    }
    const whole = this.#fillEdges(cluster, entry, within, data);
    const isNew = entry.host === NO_CLUSTER;
    const host = isNew ? this.metadata.allocate() : entry.host;
    const changed: L2Entry = {
      host,
      allocated: (entry.allocated | mask) >>> 0,
      zero: (entry.zero & ~mask) >>> 0,
    };
    return {
      data: whole.data,
      offset: hostOffset(host) + whole.within,
      change: [cluster, changed],
      ...(isNew ? { taken: host } : {}),
    };
  }

  #prepareEdges(offset: number, length: number): Promise<void> | undefined {
    const end = offset + length;
    if (length === 0 || (offset % SUBCLUSTER_BYTES === 0 && end % SUBCLUSTER_BYTES === 0)) return undefined;
    const cold = this.#edges(offset, end).filter(({ start, bytes }) => !this.tryRead(bytes, start));
    if (cold.length === 0) return undefined;
    return Promise.all(cold.map(({ start, bytes }) => this.read(bytes, start))).then(() => undefined);
  }

  /** The subclusters at the two ends of a range that it covers in part: what they hold now is read by us or the kernel. */
  #edges(offset: number, end: number): { readonly start: number; readonly bytes: Uint8Array }[] {
    const edges = new Set<number>();
    if (offset % SUBCLUSTER_BYTES !== 0) edges.add(offset - (offset % SUBCLUSTER_BYTES));
    if (end % SUBCLUSTER_BYTES !== 0) edges.add(end - (end % SUBCLUSTER_BYTES));
    return [...edges]
      .filter((start) => {
        const entry = this.metadata.tryLookup(guestClusterOf(start));
        return !entry || kindOfAll(entry, start % CLUSTER_BYTES, 1) !== "zero";
      })
      .map((start) => ({
        start,
        bytes: new Uint8Array(Math.min(SUBCLUSTER_BYTES, this.sizeBytes - start)),
      }));
  }

  /** Widens a write to whole subclusters at an edge whose subcluster is not in the file yet, with what it reads as now. */
  #fillEdges(
    cluster: GuestCluster,
    entry: L2Entry,
    within: number,
    data: Uint8Array,
  ): { within: number; data: Uint8Array } {
    const end = within + data.byteLength;
    const start = isAllocated(entry, within) ? within : roundDown(within);
    // The disk's last subcluster may end early; what lies behind it is never read.
    const stop = isAllocated(entry, end - 1) ? end : roundUp(end);
    if (start === within && stop === end) return { within, data };
    this.#scratch ??= new Uint8Array(CLUSTER_BYTES);
    const whole = this.#scratch.subarray(0, stop - start);
    for (const [from, to] of [
      [start, within],
      [end, stop],
    ] as const) {
      for (const run of runsOf(entry, from, to - from)) {
        this.readRunNow(cluster, run, whole.subarray(run.offset - start, run.offset - start + run.length));
      }
    }
    whole.set(data, within - start);
    return { within: start, data: whole };
  }

  /** Writes zeros over the parts of a discard that do not fill a subcluster. */
  #zeroEdges(piece: Piece): void {
    const end = piece.within + piece.length;
    const headEnd = Math.min(end, roundUp(piece.within));
    const tailStart = Math.max(headEnd, this.#reachesEnd(piece) ? end : roundDown(end));
    for (const [from, to] of [
      [piece.within, headEnd],
      [tailStart, end],
    ] as const) {
      if (from === to || this.#readsAsZero(piece.cluster, from)) continue;
      this.#writeCluster(piece.cluster, from, new Uint8Array(to - from));
    }
  }

  #readsAsZero(cluster: GuestCluster, within: number): boolean {
    const [run] = runsOf(this.metadata.lookup(cluster), within, 1);
    return run?.place.kind === "zero" || (run?.place.kind === "backing" && !this.backing);
  }

  /** The subclusters that the piece covers; the disk's last one counts when the piece reaches the end of the disk. */
  #wholeSubclusters(piece: Piece): number {
    const first = Math.ceil(piece.within / SUBCLUSTER_BYTES);
    const end = piece.within + piece.length;
    const last = this.#reachesEnd(piece) ? SUBCLUSTERS : Math.floor(end / SUBCLUSTER_BYTES);
    return last > first ? subclusterMask(first, last - first) : 0;
  }

  #reachesEnd(piece: Piece): boolean {
    return piece.cluster * CLUSTER_BYTES + piece.within + piece.length === this.sizeBytes;
  }

  /** An entry whose subclusters of `mask` read as zeros, without a cluster when none is left in it. */
  #withZeros(entry: L2Entry, mask: number): L2Entry {
    const allocated = (entry.allocated & ~mask) >>> 0;
    // Over nothing, a place that is not allocated reads as zeros without being told.
    const zero = this.backing ? (entry.zero | mask) >>> 0 : 0;
    return { host: allocated === 0 ? NO_CLUSTER : entry.host, allocated, zero };
  }

  #commitWhenMuchWaits(): void {
    if (this.metadata.pendingEntries < COMMIT_AT_PENDING_ENTRIES || this.#commit.busy) return;
    // A failure is not lost: the entries wait on, and the guest's next flush meets it.
    this.flush().catch(() => undefined);
  }
}
