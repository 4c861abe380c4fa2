/**
 * A file on a disk that can lose power: what was not synced survives page by page as a seeded dice says, cut at
 * any sector, in any order. It can be full, and it can fail. Sparse, so that disks of gigabytes cost nothing.
 */
import { DiskError } from "../../src/disk/disk-error.ts";
import type { HostFile, Segment } from "../../src/disk/host/file.ts";

const PAGE_BYTES = 4096;
const SECTOR_BYTES = 512;

type Pages = Map<number, Uint8Array>;

export class SimulatedFile implements HostFile {
  readonly path: string;
  #pages: Pages = new Map();
  #size = 0;
  #durablePages: Pages = new Map();
  #durableSize = 0;
  /** Pages whose content differs from what is durable. */
  #dirty = new Set<number>();
  /** Pages that a sync is writing: on the disk or not, until it is through. */
  #syncing = new Set<number>();
  /** Pages that may still be taken; a write that needs more writes what fits and throws ENOSPC. */
  freePages = Number.POSITIVE_INFINITY;
  /** Writes fail with EIO. */
  writesFail = false;
  /** The next sync fails with EIO. */
  failNextSync = false;
  /** `tryRead` answers false, so that the asynchronous way is taken. */
  cold = false;
  syncs = 0;
  /** Called before the first two pages and the last one of a change, and when a sync begins and ends: where a kill or a loss of power can fall. */
  onBoundary: () => void = () => undefined;
  /** Negative control: syncs that do nothing. */
  syncsLie = false;

  constructor(path = "simulated") {
    this.path = path;
  }

  sizeBytes(): number {
    return this.#size;
  }

  tryRead(into: Uint8Array, offset: number): boolean {
    if (this.cold) return false;
    this.readNow(into, offset);
    return true;
  }

  readNow(into: Uint8Array, offset: number): void {
    this.#eachPart(offset, into.byteLength, (page, within, done, length) => {
      const bytes = this.#pages.get(page);
      if (bytes) into.set(bytes.subarray(within, within + length), done);
      else into.fill(0, done, done + length);
    });
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    await Promise.resolve();
    this.readNow(into, offset);
  }

  write(data: Uint8Array, offset: number): void {
    if (this.writesFail) throw new DiskError("EIO", "the simulated disk failed");
    this.#eachPart(offset, data.byteLength, (page, within, done, length) => {
      this.#passPage(done, length, data.byteLength);
      let bytes = this.#pages.get(page);
      if (!bytes) {
        if (this.freePages <= 0) throw new DiskError("ENOSPC", "the simulated disk is full");
        this.freePages -= 1;
        bytes = new Uint8Array(PAGE_BYTES);
        this.#pages.set(page, bytes);
      }
      bytes.set(data.subarray(done, done + length), within);
      this.#dirty.add(page);
      this.#size = Math.max(this.#size, page * PAGE_BYTES + within + length);
    });
  }

  truncate(sizeBytes: number): void {
    this.onBoundary();
    const firstGone = Math.ceil(sizeBytes / PAGE_BYTES);
    for (const page of this.#pages.keys()) if (page >= firstGone) this.#drop(page);
    const last = this.#pages.get(Math.floor(sizeBytes / PAGE_BYTES));
    last?.fill(0, sizeBytes % PAGE_BYTES);
    this.#size = sizeBytes;
  }

  punch(offset: number, length: number): boolean {
    this.#eachPart(offset, length, (page, within, done, part) => {
      this.#passPage(done, part, length);
      if (part === PAGE_BYTES) {
        this.#drop(page);
      } else {
        this.#pages.get(page)?.fill(0, within, within + part);
        this.#dirty.add(page);
      }
    });
    return true;
  }

  async sync(): Promise<void> {
    this.syncs += 1;
    if (this.failNextSync) {
      this.failNextSync = false;
      throw new DiskError("EIO", "the simulated disk failed");
    }
    if (this.syncsLie) return;
    // What is written while a sync runs is not part of it, which is the least that it may promise.
    const pages = new Map([...this.#dirty].map((page) => [page, this.#pages.get(page)?.slice()]));
    const size = this.#size;
    this.#dirty.clear();
    for (const page of pages.keys()) this.#syncing.add(page);
    this.onBoundary();
    await Promise.resolve();
    await Promise.resolve();
    this.onBoundary();
    for (const [page, bytes] of pages) {
      if (bytes) this.#durablePages.set(page, bytes);
      else this.#durablePages.delete(page);
    }
    for (const page of pages.keys()) this.#syncing.delete(page);
    this.#durableSize = size;
    this.onBoundary();
  }

  writeBack(): void {
    // It promises nothing, so nothing more is durable after it.
  }

  *segments(offset: number, length: number): Generator<Segment> {
    yield { offset, length, hole: false };
  }

  close(): void {
    this.cold = false;
  }

  /** The file as the next process finds it: after a kill everything that was written is there. */
  afterKill(): SimulatedFile {
    const file = new SimulatedFile(this.path);
    file.#pages = copy(this.#pages);
    file.#size = this.#size;
    file.#durablePages = copy(this.#durablePages);
    file.#durableSize = this.#durableSize;
    file.#dirty = new Set([...this.#dirty, ...this.#syncing]);
    return file;
  }

  /** The file after a loss of power. `chance` gives numbers in [0, 1): each sector that was not synced survives below `odds`. */
  afterPowerLoss(chance: () => number, odds: number): SimulatedFile {
    const file = new SimulatedFile(this.path);
    const pages = copy(this.#durablePages);
    const grew = chance() < odds;
    let size = grew ? this.#size : this.#durableSize;
    for (const page of new Set([...this.#dirty, ...this.#syncing])) {
      const now = this.#pages.get(page) ?? new Uint8Array(PAGE_BYTES);
      const then = pages.get(page) ?? new Uint8Array(PAGE_BYTES);
      for (let at = 0; at < PAGE_BYTES; at += SECTOR_BYTES) {
        if (chance() >= odds) continue;
        then.set(now.subarray(at, at + SECTOR_BYTES), at);
        if (!grew) size = Math.max(size, Math.min(this.#size, page * PAGE_BYTES + at + SECTOR_BYTES));
      }
      pages.set(page, then);
    }
    for (const page of pages.keys()) if (page * PAGE_BYTES >= size) pages.delete(page);
    file.#pages = pages;
    file.#durablePages = copy(pages);
    file.#size = size;
    file.#durableSize = size;
    return file;
  }

  /** Writes the content to a real file, sparse. */
  async copyTo(path: string): Promise<void> {
    const writer = await import("node:fs/promises").then((fs) => fs.open(path, "w"));
    await writer.truncate(this.#size);
    for (const [page, bytes] of this.#pages) await writer.write(bytes, 0, PAGE_BYTES, page * PAGE_BYTES);
    await writer.truncate(this.#size);
    await writer.close();
  }

  #passPage(done: number, length: number, total: number): void {
    if (done <= PAGE_BYTES || done + length === total) this.onBoundary();
  }

  #drop(page: number): void {
    if (this.#pages.delete(page)) this.freePages += 1;
    this.#dirty.add(page);
  }

  #eachPart(
    offset: number,
    length: number,
    visit: (page: number, within: number, done: number, length: number) => void,
  ): void {
    let done = 0;
    while (done < length) {
      const at = offset + done;
      const within = at % PAGE_BYTES;
      const part = Math.min(PAGE_BYTES - within, length - done);
      visit(Math.floor(at / PAGE_BYTES), within, done, part);
      done += part;
    }
  }
}

function copy(pages: Pages): Pages {
  return new Map([...pages].map(([page, bytes]) => [page, bytes.slice()]));
}
