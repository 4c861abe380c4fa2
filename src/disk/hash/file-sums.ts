/** The sha256 of a file's content, read behind whoever writes it: of what is stored, not of what was to be stored. */
import type { HostFile } from "../host/file.ts";

export interface ContentSums {
  /** With the zeros that fill up the last sector. */
  readonly sha256: string;
  readonly contentSha256: string;
}

/** Read and hashed at a time: what was read is still in the core's own cache when it is hashed. */
const READ_BYTES = 256 * 1024;
/** A hole is not read, but it has to be hashed. */
const ZEROS = new Uint8Array(64 * 1024);

export class FileSums {
  readonly #hash = new Bun.CryptoHasher("sha256");
  readonly #buffer = new Uint8Array(READ_BYTES);
  #at = 0;

  constructor(private readonly file: HostFile) {}

  /** Hashes up to `offset`; what lies before it is not written any more. Throws the file's `DiskError`. */
  advance(offset: number): void {
    for (const { offset: start, length, hole } of this.file.segments(this.#at, offset - this.#at)) {
      if (hole) this.#zeros(length);
      else this.#data(start, length);
    }
    this.#at = offset;
  }

  /** The sums of the first `contentBytes` of the file, and of these with zeros up to `sizeBytes`. */
  digest(contentBytes: number, sizeBytes: number): ContentSums {
    this.advance(contentBytes);
    const contentSha256 = this.#hash.copy().digest("hex");
    this.#zeros(sizeBytes - contentBytes);
    return { contentSha256, sha256: this.#hash.digest("hex") };
  }

  #data(offset: number, length: number): void {
    for (let done = 0; done < length; done += READ_BYTES) {
      const piece = this.#buffer.subarray(0, Math.min(READ_BYTES, length - done));
      this.file.readNow(piece, offset + done);
      this.#hash.update(piece);
    }
  }

  #zeros(length: number): void {
    for (let left = length; left > 0; left -= ZEROS.byteLength)
      this.#hash.update(left < ZEROS.byteLength ? ZEROS.subarray(0, left) : ZEROS);
  }
}
