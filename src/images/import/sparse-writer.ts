/** Writes a disk image without its zeros: pages that hold nothing else become holes. Hashes the content on the way. */
import type { HostFile } from "../../disk/host/file.ts";
import { ImageError } from "../image-error.ts";

/** What a hole is made of; a page of the host, and of its file systems. */
const PAGE_BYTES = 4096;
/** Content is gathered into pieces of this size, a multiple of the page. */
const PIECE_BYTES = 1 << 20;
/** Disks have whole sectors: an image that ends within one is filled up with zeros. */
const SECTOR_BYTES = 512;
/** Written bytes after which the disk is made to catch up, so that an import never fills memory with dirty pages. */
const SYNC_EVERY_BYTES = 64 * 2 ** 20;

const ZEROS = Buffer.alloc(PAGE_BYTES);

export class SparseWriter {
  readonly #hash = new Bun.CryptoHasher("sha256");
  readonly #piece = Buffer.alloc(PIECE_BYTES);
  #filled = 0;
  /** Bytes of content before the piece. */
  #offset = 0;
  #unsynced = 0;
  /** Bytes that were not zeros, in whole pages. */
  writtenBytes = 0;

  /** @param maxBytes content beyond it is refused with "too-large" */
  constructor(
    private readonly file: HostFile,
    private readonly maxBytes: number,
  ) {}

  get contentBytes(): number {
    return this.#offset + this.#filled;
  }

  /** Takes the next bytes of the content. Throws "too-large", or the file's `DiskError`. */
  async push(bytes: Uint8Array): Promise<void> {
    if (this.contentBytes + bytes.byteLength > this.maxBytes) {
      throw new ImageError("too-large", `the image is larger than ${this.maxBytes / 2 ** 30} GiB`);
    }
    let taken = 0;
    while (taken < bytes.byteLength) {
      const part = bytes.subarray(taken, taken + PIECE_BYTES - this.#filled);
      this.#piece.set(part, this.#filled);
      this.#filled += part.byteLength;
      taken += part.byteLength;
      if (this.#filled === PIECE_BYTES) this.#writePiece();
    }
    if (this.#unsynced >= SYNC_EVERY_BYTES) {
      this.#unsynced = 0;
      await this.file.sync();
    }
  }

  /** Writes the rest and syncs. The size is that of whole sectors, and the hash covers all of it. */
  async finish(): Promise<{ readonly sizeBytes: number; readonly sha256: string }> {
    const rest = this.contentBytes % SECTOR_BYTES;
    if (rest !== 0) await this.push(new Uint8Array(SECTOR_BYTES - rest));
    this.#writePiece();
    this.file.truncate(this.#offset);
    await this.file.sync();
    return { sizeBytes: this.#offset, sha256: this.#hash.digest("hex") };
  }

  #writePiece(): void {
    const piece = this.#piece.subarray(0, this.#filled);
    this.#hash.update(piece);
    let runStart = 0;
    let at = 0;
    while (at < piece.byteLength) {
      const end = Math.min(at + PAGE_BYTES, piece.byteLength);
      if (piece.compare(ZEROS, 0, end - at, at, end) === 0) {
        this.#writeRun(piece.subarray(runStart, at), this.#offset + runStart);
        runStart = end;
      }
      at = end;
    }
    this.#writeRun(piece.subarray(runStart), this.#offset + runStart);
    this.#offset += this.#filled;
    this.#filled = 0;
  }

  #writeRun(run: Uint8Array, offset: number): void {
    if (run.byteLength === 0) return;
    this.file.write(run, offset);
    this.writtenBytes += run.byteLength;
    this.#unsynced += run.byteLength;
  }
}
