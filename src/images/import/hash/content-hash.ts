/** The sha256 of a disk's content, of its bytes as they came and of its whole sectors. */

export interface ContentSums {
  /** With the zeros that fill up the last sector. */
  readonly sha256: string;
  readonly contentSha256: string;
}

export interface ContentHash {
  /** Takes the next bytes; they are free again when it resolves. */
  update(bytes: Uint8Array): Promise<void>;
  zeros(length: number): Promise<void>;
  /** Ends it with so many zeros more. */
  digest(paddingBytes: number): Promise<ContentSums>;
}

/** A run of zeros is hashed in pieces of this size. */
const ZEROS = new Uint8Array(1 << 20);

/** One hash, step by step on the calling thread. */
export class Sha256 {
  readonly #hash = new Bun.CryptoHasher("sha256");

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  zeros(length: number): void {
    for (let left = length; left > 0; left -= ZEROS.byteLength)
      this.#hash.update(left < ZEROS.byteLength ? ZEROS.subarray(0, left) : ZEROS);
  }

  digest(paddingBytes: number): ContentSums {
    const contentSha256 = this.#hash.copy().digest("hex");
    this.zeros(paddingBytes);
    return { contentSha256, sha256: this.#hash.digest("hex") };
  }
}

/** On the calling thread: for what is small, and where there is only one. */
export function localHash(): ContentHash {
  const hash = new Sha256();
  return {
    update: async (bytes) => hash.update(bytes),
    zeros: async (length) => hash.zeros(length),
    digest: async (paddingBytes) => hash.digest(paddingBytes),
  };
}
