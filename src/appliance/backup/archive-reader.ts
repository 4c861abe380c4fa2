/** Reads an archive of ours. What it says is checked before it is followed: names, maps, sums, the end. */
import { type HostFile, openHostFile } from "../../disk/host/file.ts";
import { BLOCK_BYTES, decodePax, decodeTarHeader, paddingOf, TarError } from "./tar-header.ts";

const PIECE_BYTES = 2 ** 20;
/** Records of one file: a few names and numbers. */
const PAX_MAX_BYTES = 64 * 2 ** 10;
/** What is read whole into memory: manifest and sums, some hundred bytes for each file. */
const SMALL_MAX_BYTES = 64 * 2 ** 20;
/** Entries of one map: a file of a terabyte, every other MiB a hole. */
const MAP_ENTRIES_MAX = 2 ** 20;
/** What our own backups hold: names in folders, nothing that leads out of the folder. */
export const ARCHIVE_NAME = /^(?:[A-Za-z0-9][A-Za-z0-9._+-]*\/){0,8}[A-Za-z0-9][A-Za-z0-9._+-]*$/;

export interface ArchiveEntry {
  readonly name: string;
  /** The size of the file that is unpacked. */
  readonly sizeBytes: number;
  readonly sparse: boolean;
}

export class ArchiveReader {
  readonly #file: HostFile;
  readonly #sizeBytes: number;
  #at = 0;
  /** Where the content of the entry ends, and the next header begins. */
  #end = 0;

  constructor(file: HostFile) {
    this.#file = file;
    this.#sizeBytes = file.sizeBytes();
  }

  /** How much of the archive was read. */
  get doneBytes(): number {
    return this.#at;
  }

  /** The next entry; undefined at the end of a whole archive. Throws a `TarError`. */
  async next(): Promise<ArchiveEntry | undefined> {
    this.#at = this.#end;
    const pax = decodeTarHeader(await this.#block());
    if (!pax) return undefined;
    if (pax.type !== "x" || pax.sizeBytes > PAX_MAX_BYTES)
      throw new TarError("this is no backup of pinetboot");
    const records = decodePax(await this.#take(pax.sizeBytes));
    await this.#take(paddingOf(pax.sizeBytes));
    const header = decodeTarHeader(await this.#block());
    if (header?.type !== "0") throw new TarError("the archive is damaged");
    const name = records.get("path") ?? "";
    if (!ARCHIVE_NAME.test(name))
      throw new TarError(`the archive names a file ${JSON.stringify(name.slice(0, 100))}`);
    const sizeBytes = Number(records.get("size") ?? header.sizeBytes);
    const realSize = Number(records.get("GNU.sparse.realsize") ?? sizeBytes);
    this.#end = this.#at + sizeBytes + paddingOf(sizeBytes);
    if (!Number.isSafeInteger(sizeBytes) || !Number.isSafeInteger(realSize) || this.#end > this.#sizeBytes)
      throw cutOff();
    return { name, sizeBytes: realSize, sparse: records.has("GNU.sparse.realsize") };
  }

  /** The content of a small entry. */
  async bytes({ sizeBytes, sparse }: ArchiveEntry): Promise<Uint8Array> {
    if (sparse || sizeBytes > SMALL_MAX_BYTES) throw new TarError("the archive is damaged");
    return this.#take(sizeBytes);
  }

  /** Unpacks a sparse entry into a new file, synced; returns the SHA-256 of what the archive holds of it. */
  async unpack({ sizeBytes, sparse }: ArchiveEntry, path: string): Promise<string> {
    if (!sparse) throw new TarError("the archive is damaged");
    const hash = new Bun.CryptoHasher("sha256");
    const target = openHostFile(path, "create");
    try {
      target.truncate(sizeBytes);
      for (const { offset, length } of await this.#map(sizeBytes, hash))
        for (let done = 0; done < length;) {
          const part = await this.#take(Math.min(PIECE_BYTES, length - done));
          hash.update(part);
          target.write(part, offset + done);
          done += part.byteLength;
        }
      await target.sync();
    } finally {
      target.close();
    }
    return hash.digest("hex");
  }

  /** The map at the beginning of a sparse entry: lines of numbers, filled up to whole blocks. */
  async #map(
    realSize: number,
    hash: Bun.CryptoHasher,
  ): Promise<readonly { readonly offset: number; readonly length: number }[]> {
    const numbers: number[] = [];
    let rest = "";
    for (let wanted = 1; numbers.length < wanted;) {
      const block = await this.#block();
      hash.update(block);
      const lines = (rest + Buffer.from(block).toString("latin1").replace(/\0+$/, "")).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) numbers.push(Number(line));
      const count = numbers[0] ?? 0;
      if (!Number.isInteger(count) || count < 0 || count > MAP_ENTRIES_MAX)
        throw new TarError("the archive is damaged");
      wanted = 1 + 2 * count;
    }
    const segments: { offset: number; length: number }[] = [];
    let end = 0;
    for (let index = 1; index + 1 < numbers.length; index += 2) {
      const [offset = Number.NaN, length = Number.NaN] = numbers.slice(index, index + 2);
      const inside = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && length >= 0;
      if (!inside || offset < end || offset + length > realSize) throw new TarError("the archive is damaged");
      end = offset + length;
      segments.push({ offset, length });
    }
    return segments;
  }

  #block(): Promise<Uint8Array> {
    return this.#take(BLOCK_BYTES);
  }

  async #take(length: number): Promise<Uint8Array> {
    if (this.#at + length > this.#sizeBytes) throw cutOff();
    const bytes = new Uint8Array(length);
    await this.#file.read(bytes, this.#at);
    this.#at += length;
    return bytes;
  }
}

function cutOff(): TarError {
  return new TarError("the archive is cut off");
}
