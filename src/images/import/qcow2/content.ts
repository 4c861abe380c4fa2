/**
 * The content of a qcow2 file as a guest would read it, from the first byte to the last. Tables are read one at a time,
 * so memory does not grow with the disk; every pointer is checked against the file before it is followed.
 */
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import type { HostFile } from "../../../disk/host/file.ts";
import type { Content, Piece } from "../content.ts";
import { frameBytes, ZstdFrameError } from "../zstd-frames.ts";
import { badQcow2, decodeImportHeader, HEADER_AREA_BYTES, type ImportHeader } from "./header.ts";

const COPIED = 1n << 63n;
const COMPRESSED = 1n << 62n;
const OFFSET_MASK = 0x00ff_ffff_ffff_fe00n;
/** Without extended L2 entries, the lowest bit says that the cluster reads as zeros (version 3). */
const ZERO_FLAG = 1n;
const SECTOR_BYTES = 512;
const SUBCLUSTERS = 32;
const L1_PIECE_ENTRIES = 4096;
/** Data that lies together is read in pieces of this size. */
const READ_BYTES = 1 << 20;

/** Clusters that are unpacked at the same time: enough for every core, and some MiB at most. */
const UNPACKED_AHEAD = 8;

const inflate = promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.inflateRaw);
const unzstd = promisify<Uint8Array, zlib.ZstdOptions, Uint8Array>(zlib.zstdDecompress);

/** Yields the content; `onRead` is told of bytes of the file as they are read. Throws "bad-archive" or "too-large". */
export async function* qcow2Content(file: HostFile, onRead: (bytes: number) => void): Content {
  const area = new Uint8Array(HEADER_AREA_BYTES);
  file.readNow(area, 0);
  const reader = new Qcow2Reader(file, decodeImportHeader(area, file.sizeBytes()), onRead);
  const ahead: Promise<Piece>[] = [];
  for (const piece of joined(reader.pieces(), reader)) {
    // Packed clusters are on the thread pool; their failure is seen when their turn comes.
    const coming = Promise.resolve(piece);
    coming.catch(() => undefined);
    ahead.push(coming);
    const first = ahead.length > UNPACKED_AHEAD ? ahead.shift() : undefined;
    if (first) yield await first;
  }
  for (const piece of ahead) yield await piece;
}

/** Where a stretch of the disk is. */
type Stretch =
  | { readonly kind: "zero"; readonly length: number }
  | { readonly kind: "data"; readonly offset: number; readonly length: number }
  | {
      readonly kind: "compressed";
      readonly offset: number;
      readonly packedBytes: number;
      readonly length: number;
    };

/** Neighbours that can be read, or left out, as one become one. */
function* joined(stretches: Iterable<Stretch>, reader: Qcow2Reader): Generator<Piece | Promise<Piece>> {
  let last: Stretch | undefined;
  for (const stretch of stretches) {
    if (last?.kind === "zero" && stretch.kind === "zero") {
      last = { kind: "zero", length: last.length + stretch.length };
    } else if (
      last?.kind === "data" &&
      stretch.kind === "data" &&
      last.offset + last.length === stretch.offset &&
      last.length + stretch.length <= READ_BYTES
    ) {
      last = { ...last, length: last.length + stretch.length };
    } else {
      if (last) yield reader.read(last);
      last = stretch;
    }
  }
  if (last) yield reader.read(last);
}

class Qcow2Reader {
  readonly #clusterBytes: number;
  readonly #entryBytes: number;
  readonly #fileBytes: number;
  /** The L2 tables: no two places of a disk share one, and nothing else lies there. */
  readonly #tables = new Set<number>();
  readonly #metadata: readonly { readonly what: string; readonly start: number; readonly end: number }[];

  constructor(
    private readonly file: HostFile,
    private readonly header: ImportHeader,
    private readonly onRead: (bytes: number) => void,
  ) {
    this.#clusterBytes = 2 ** header.clusterBits;
    this.#entryBytes = header.extendedL2 ? 16 : 8;
    this.#fileBytes = file.sizeBytes();
    const { l1Offset, l1Entries, refcountTableOffset, refcountTableBytes } = header;
    this.#metadata = [
      { what: "header", start: 0, end: this.#clusterBytes },
      { what: "L1 table", start: l1Offset, end: l1Offset + l1Entries * 8 },
      {
        what: "refcount table",
        start: refcountTableOffset,
        end: refcountTableOffset + refcountTableBytes,
      },
    ];
    for (const [i, one] of this.#metadata.entries())
      for (const other of this.#metadata.slice(i + 1))
        if (one.start < other.end && other.start < one.end)
          throw badQcow2(`its ${one.what} and its ${other.what} overlap`);
  }

  *pieces(): Generator<Stretch> {
    // All tables are known before the first cluster is read, so that none can pass for data.
    for (const table of this.#l2Tables()) {
      if (table === 0) continue;
      if (this.#tables.has(table)) throw badQcow2(`two parts of its disk share the L2 table at ${table}`);
      this.#refuseInMetadata(table, this.#clusterBytes, "an L2 table");
      this.#tables.add(table);
    }
    const covers = (this.#clusterBytes / this.#entryBytes) * this.#clusterBytes;
    let left = this.header.sizeBytes;
    for (const table of this.#l2Tables()) {
      const length = Math.min(left, covers);
      if (table === 0) yield { kind: "zero", length };
      else yield* this.#tableStretches(table, length);
      left -= length;
    }
  }

  /** Where the L2 tables of the disk are, in its order; 0 is none. */
  *#l2Tables(): Generator<number> {
    const { l1Offset, sizeBytes } = this.header;
    const covers = (this.#clusterBytes / this.#entryBytes) * this.#clusterBytes;
    const needed = Math.ceil(sizeBytes / covers);
    for (let first = 0; first < needed; first += L1_PIECE_ENTRIES) {
      const entries = Math.min(L1_PIECE_ENTRIES, needed - first);
      const l1 = this.#table(l1Offset + first * 8, entries * 8);
      for (let i = 0; i < entries; i += 1)
        yield this.#pointer(l1.getBigUint64(i * 8) & ~COPIED, "an L2 table", this.#clusterBytes);
    }
  }

  read(stretch: Stretch): Piece | Promise<Piece> {
    switch (stretch.kind) {
      case "zero":
        return { zeros: stretch.length };
      case "data":
        return this.#bytes(stretch.offset, stretch.length);
      case "compressed":
        return this.#unpacked(stretch);
    }
  }

  *#tableStretches(offset: number, length: number): Generator<Stretch> {
    const table = this.#table(offset, this.#clusterBytes);
    for (let at = 0, left = length; left > 0; at += this.#entryBytes) {
      const part = Math.min(left, this.#clusterBytes);
      left -= part;
      const entry = table.getBigUint64(at);
      if ((entry & COMPRESSED) !== 0n) yield this.#compressed(entry, part);
      else if (this.header.extendedL2) yield* this.#subclusters(entry, table.getBigUint64(at + 8), part);
      else yield this.#cluster(entry, part);
    }
  }

  #cluster(entry: bigint, length: number): Stretch {
    if ((entry & ZERO_FLAG) !== 0n) return { kind: "zero", length };
    const offset = this.#pointer(entry & ~COPIED, "a cluster", 1);
    if (offset === 0) return { kind: "zero", length };
    this.#refuseInTables(offset, length);
    return { kind: "data", offset, length };
  }

  *#subclusters(entry: bigint, bitmap: bigint, length: number): Generator<Stretch> {
    const host = this.#pointer(entry & ~COPIED, "a cluster", 1);
    const subcluster = this.#clusterBytes / SUBCLUSTERS;
    const allocated = Number(bitmap & 0xffff_ffffn);
    const zero = Number(bitmap >> 32n);
    if ((allocated & zero) !== 0 || (allocated !== 0 && host === 0))
      throw badQcow2("an entry of an L2 table contradicts itself");
    if (allocated !== 0) this.#refuseInTables(host, this.#clusterBytes);
    for (let i = 0, left = length; left > 0; i += 1) {
      const part = Math.min(left, subcluster);
      left -= part;
      if ((allocated & (1 << i)) === 0) yield { kind: "zero", length: part };
      else yield { kind: "data", offset: host + i * subcluster, length: part };
    }
  }

  /** The descriptor of a compressed cluster: where it is, and how many sectors of 512 bytes it reaches into beyond the first. */
  #compressed(entry: bigint, length: number): Stretch {
    const sectorBits = BigInt(this.header.clusterBits - 8);
    const offsetBits = 62n - sectorBits;
    const offset = Number(entry & ((1n << offsetBits) - 1n));
    const sectors = Number((entry >> offsetBits) & ((1n << sectorBits) - 1n));
    if (offset >= this.#fileBytes) throw badQcow2(`a cluster at ${offset} lies outside the file`);
    const packedBytes = Math.min(
      (sectors + 1) * SECTOR_BYTES - (offset % SECTOR_BYTES),
      this.#fileBytes - offset,
    );
    this.#refuseInTables(offset, packedBytes);
    return { kind: "compressed", offset, packedBytes, length };
  }

  async #unpacked({ offset, packedBytes, length }: Stretch & { kind: "compressed" }): Promise<Uint8Array> {
    const packed = this.#bytes(offset, packedBytes);
    const options = { maxOutputLength: this.#clusterBytes };
    let content: Uint8Array;
    try {
      // Behind the packed bytes there may be others of the same sector: deflate ends by itself, zstd is told.
      content =
        this.header.compression === "deflate"
          ? await inflate(packed, options)
          : await unzstd(packed.subarray(0, frameBytes(packed)), options);
    } catch (error) {
      const reason = error instanceof ZstdFrameError ? error.message : "it is damaged";
      throw badQcow2(`a compressed cluster at ${offset}: ${reason}`, error);
    }
    if (content.byteLength !== this.#clusterBytes)
      throw badQcow2(`a compressed cluster at ${offset} has ${content.byteLength} bytes`);
    return content.subarray(0, length);
  }

  /** Refuses data where the file keeps its tables: a copy of them would pass for what a guest wrote. */
  #refuseInTables(offset: number, bytes: number): void {
    this.#refuseInMetadata(offset, bytes, "a cluster");
    const first = offset - (offset % this.#clusterBytes);
    for (let at = first; at < offset + bytes; at += this.#clusterBytes)
      if (this.#tables.has(at)) throw badQcow2(`a cluster at ${offset} lies in an L2 table`);
  }

  #refuseInMetadata(offset: number, bytes: number, what: string): void {
    for (const area of this.#metadata)
      if (offset < area.end && area.start < offset + bytes)
        throw badQcow2(`${what} at ${offset} lies in its ${area.what}`);
  }

  /** Checks an offset into the file, where `bytes` must still follow; 0 is none. */
  #pointer(word: bigint, what: string, bytes: number): number {
    if ((word & ~OFFSET_MASK) !== 0n) throw badQcow2(`reserved bits are set in the pointer to ${what}`);
    const offset = Number(word);
    if (offset % this.#clusterBytes !== 0) throw badQcow2(`${what} at ${offset} is at no cluster's start`);
    if (offset !== 0 && offset + bytes > this.#fileBytes)
      throw badQcow2(`${what} at ${offset} lies outside the file`);
    return offset;
  }

  #table(offset: number, bytes: number): DataView {
    const table = this.#bytes(offset, bytes);
    return new DataView(table.buffer, table.byteOffset, table.byteLength);
  }

  #bytes(offset: number, bytes: number): Uint8Array {
    const into = new Uint8Array(bytes);
    // The Worker has nothing else to do: on its own thread a read costs the least.
    this.file.readNow(into, offset);
    this.onRead(bytes);
    return into;
  }
}
