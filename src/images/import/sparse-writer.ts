/** Writes a disk image without its zeros: pages that hold nothing else become holes. What is written is hashed behind it. */
import type { ContentSums } from "../../disk/hash/file-sums.ts";
import type { FollowingHash } from "../../disk/hash/following-hash.ts";
import { bothEnded } from "../../disk/host/both-ended.ts";
import type { HostFile } from "../../disk/host/file.ts";
import { WritePace } from "../../disk/host/write-pace.ts";
import { ImageError } from "../image-error.ts";
import type { Piece } from "./content.ts";

/** What a hole is made of; a page of the host, and of its file systems. */
const PAGE_BYTES = 4096;
/** Disks have whole sectors: an image that ends within one is filled up with zeros. */
const SECTOR_BYTES = 512;

const ZEROS = Buffer.alloc(PAGE_BYTES);

/** What was written, with the sums of what a guest reads and of the content as it came. */
export interface Written extends ContentSums {
  /** Whole sectors. */
  readonly sizeBytes: number;
}

export class SparseWriter {
  /** The begun page at the end of the content. */
  readonly #page = Buffer.alloc(PAGE_BYTES);
  #filled = 0;
  /** Bytes of content before the page. */
  #offset = 0;
  readonly #pace: WritePace;
  /** Bytes that were not zeros, in whole pages. */
  writtenBytes = 0;

  /**
   * @param maxBytes content beyond it is refused with "too-large"
   * @param hash of the same file
   * @param onWritten called now and then while pages are written, so that the caller may look at the disk's room and throw
   */
  constructor(
    private readonly file: HostFile,
    private readonly maxBytes: number,
    private readonly hash: FollowingHash,
    private readonly onWritten: (writtenBytes: number) => void = () => undefined,
  ) {
    this.#pace = new WritePace(file);
  }

  get contentBytes(): number {
    return this.#offset + this.#filled;
  }

  /** Takes the next piece of the content. Throws "too-large", or the file's `DiskError`. */
  async push(piece: Piece): Promise<void> {
    const length = piece instanceof Uint8Array ? piece.byteLength : piece.zeros;
    if (this.contentBytes + length > this.maxBytes)
      throw new ImageError("too-large", `the image is larger than ${this.maxBytes / 2 ** 30} GiB`);
    if (piece instanceof Uint8Array) this.#pushBytes(piece);
    else this.#pushZeros(piece.zeros);
    if (this.#pace.keep(this.writtenBytes, this.#offset)) this.onWritten(this.writtenBytes);
    await this.hash.reached(this.#offset);
  }

  /** Writes the rest and syncs. The size is that of whole sectors. */
  async finish(): Promise<Written> {
    const { contentBytes } = this;
    this.#writePages(this.#page.subarray(0, this.#filled));
    const sizeBytes = Math.ceil(contentBytes / SECTOR_BYTES) * SECTOR_BYTES;
    this.file.truncate(sizeBytes);
    this.onWritten(this.writtenBytes);
    const [sums] = await bothEnded(this.hash.digest(contentBytes, sizeBytes), this.file.sync());
    return { sizeBytes, ...sums };
  }

  #pushBytes(bytes: Uint8Array): void {
    let taken = 0;
    if (this.#filled > 0) {
      const part = bytes.subarray(0, PAGE_BYTES - this.#filled);
      taken = part.byteLength;
      this.#page.set(part, this.#filled);
      this.#filled += taken;
      if (this.#filled < PAGE_BYTES) return;
      this.#takePages(this.#page);
      this.#filled = 0;
    }
    const whole = bytes.byteLength - ((bytes.byteLength - taken) % PAGE_BYTES);
    if (whole > taken) this.#takePages(bytes.subarray(taken, whole));
    this.#page.set(bytes.subarray(whole));
    this.#filled = bytes.byteLength - whole;
  }

  #pushZeros(length: number): void {
    const first = Math.min(length, (PAGE_BYTES - this.#filled) % PAGE_BYTES);
    if (first > 0) this.#pushBytes(ZEROS.subarray(0, first));
    const whole = length - first - ((length - first) % PAGE_BYTES);
    this.#offset += whole;
    this.#pushBytes(ZEROS.subarray(0, length - first - whole));
  }

  #takePages(pages: Uint8Array): void {
    this.#writePages(pages);
    this.#offset += pages.byteLength;
  }

  /** Writes the runs of pages that are not zeros. */
  #writePages(bytes: Uint8Array): void {
    const pages = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let runStart = 0;
    for (let at = 0; at < pages.byteLength;) {
      const end = Math.min(at + PAGE_BYTES, pages.byteLength);
      if (pages[at] === 0 && pages.compare(ZEROS, 0, end - at, at, end) === 0) {
        this.#writeRun(pages.subarray(runStart, at), this.#offset + runStart);
        runStart = end;
      }
      at = end;
    }
    this.#writeRun(pages.subarray(runStart), this.#offset + runStart);
  }

  #writeRun(run: Uint8Array, offset: number): void {
    if (run.byteLength === 0) return;
    this.file.write(run, offset);
    this.writtenBytes += run.byteLength;
  }
}
