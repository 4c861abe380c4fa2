/** Writes files into a tar archive, without their holes. GNU tar unpacks it (`tar -xf`), holes and all. */
import { type HostFile, openHostFile } from "../../disk/host/file.ts";
import { BLOCK_BYTES, encodePax, encodeTarHeader, paddingOf } from "./tar-header.ts";

const PIECE_BYTES = 2 ** 20;
/** Written bytes after which the disk is made to catch up, so that a backup never fills memory with dirty pages. */
const SYNC_EVERY_BYTES = 64 * 2 ** 20;
const ZEROS = new Uint8Array(2 * BLOCK_BYTES);

export class ArchiveWriter {
  readonly #file: HostFile;
  readonly #onBytes: (bytes: number) => void;
  /** By name: the SHA-256 of what the archive holds of the file, its map included. */
  readonly sums = new Map<string, string>();
  #offset = 0;
  #unsynced = 0;

  /** @param onBytes told of content as it is written */
  constructor(file: HostFile, onBytes: (bytes: number) => void) {
    this.#file = file;
    this.#onBytes = onBytes;
  }

  get writtenBytes(): number {
    return this.#offset;
  }

  /** Adds the file at `path` under a name. Throws a `DiskError`. */
  async addFile(name: string, path: string): Promise<void> {
    const source = openHostFile(path, "read-only");
    try {
      const realSize = source.sizeBytes();
      const segments = [...source.segments(0, realSize)].filter(({ hole }) => !hole);
      // A file that ends in a hole has a last entry of no bytes at its end.
      const ends = segments.map(({ offset, length }) => offset + length);
      const map = [...segments, ...(ends.at(-1) === realSize ? [] : [{ offset: realSize, length: 0 }])];
      const mapText = Buffer.from(
        [map.length, ...map.flatMap(({ offset, length }) => [offset, length])].map((n) => `${n}\n`).join(""),
      );
      const mapBytes = Buffer.concat([mapText, ZEROS.subarray(0, paddingOf(mapText.byteLength))]);
      const dataBytes = segments.reduce((sum, { length }) => sum + length, 0);
      const sizeBytes = mapBytes.byteLength + dataBytes;
      this.#header(name, sizeBytes, [
        ["GNU.sparse.major", "1"],
        ["GNU.sparse.minor", "0"],
        ["GNU.sparse.name", name],
        ["GNU.sparse.realsize", String(realSize)],
        ["size", String(sizeBytes)],
      ]);
      const hash = new Bun.CryptoHasher("sha256").update(mapBytes);
      this.#write(mapBytes);
      for (const { offset, length } of segments) await this.#copy(source, offset, length, hash);
      this.#write(ZEROS.subarray(0, paddingOf(dataBytes)));
      this.sums.set(name, hash.digest("hex"));
    } finally {
      source.close();
    }
  }

  /** Adds a small file that is in memory. */
  addBytes(name: string, bytes: Uint8Array): void {
    this.#header(name, bytes.byteLength, []);
    this.#write(bytes);
    this.#write(ZEROS.subarray(0, paddingOf(bytes.byteLength)));
  }

  /** Ends the archive and syncs it. */
  async finish(): Promise<void> {
    this.#write(ZEROS);
    await this.#file.sync();
  }

  #header(name: string, sizeBytes: number, more: readonly (readonly [string, string])[]): void {
    const pax = encodePax(new Map([["path", name], ...more]));
    this.#write(encodeTarHeader({ name: "pax", sizeBytes: pax.byteLength, type: "x" }));
    this.#write(pax);
    this.#write(ZEROS.subarray(0, paddingOf(pax.byteLength)));
    this.#write(encodeTarHeader({ name, sizeBytes, type: "0" }));
  }

  async #copy(source: HostFile, offset: number, length: number, hash: Bun.CryptoHasher): Promise<void> {
    const piece = new Uint8Array(PIECE_BYTES);
    for (let done = 0; done < length;) {
      const part = piece.subarray(0, Math.min(PIECE_BYTES, length - done));
      await source.read(part, offset + done);
      hash.update(part);
      this.#write(part);
      this.#onBytes(part.byteLength);
      done += part.byteLength;
      if (this.#unsynced < SYNC_EVERY_BYTES) continue;
      this.#unsynced = 0;
      await this.#file.sync();
    }
  }

  #write(bytes: Uint8Array): void {
    this.#file.write(bytes, this.#offset);
    this.#offset += bytes.byteLength;
    this.#unsynced += bytes.byteLength;
  }
}
