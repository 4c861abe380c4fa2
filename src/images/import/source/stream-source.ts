/** Bytes that come once and in order: standard input, an upload, a file that is being fetched. */
import { openHostFile, type HostFile } from "../../../disk/host/file.ts";
import { ImageError } from "../../image-error.ts";
import type { Bytes } from "../content.ts";
import { MAX_SOURCE_BYTES } from "../limits.ts";
import type { Source } from "./source.ts";

export interface StreamSourceOptions {
  /** Says how many bytes there are, once that is known. */
  readonly totalBytes: () => number | undefined;
  /** Whether `sha256` will be asked for. */
  readonly hashed: boolean;
  /** The file that has all bytes once the stream has ended; without one they are put into `spool`. */
  readonly keptAt?: string;
  /** A new file for what must be read anywhere; the caller removes it. */
  readonly spool: string;
  /** Called while the spool grows; throws when there is no room for more. */
  readonly checkRoom: () => void;
}

/** Spooled bytes between two looks at the disk's room. */
const ROOM_EVERY_BYTES = 64 * 2 ** 20;

export class StreamSource implements Source {
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #hash: Bun.CryptoHasher | undefined;
  readonly #peeked: Uint8Array[] = [];
  #doneBytes = 0;
  #file: HostFile | undefined;

  constructor(
    stream: Bytes,
    private readonly options: StreamSourceOptions,
  ) {
    this.#iterator = stream[Symbol.asyncIterator]();
    this.#hash = options.hashed ? new Bun.CryptoHasher("sha256") : undefined;
  }

  get doneBytes(): number {
    return this.#doneBytes;
  }

  get totalBytes(): number | undefined {
    return this.options.totalBytes();
  }

  async head(bytes: number): Promise<Uint8Array> {
    let length = 0;
    while (length < bytes) {
      const chunk = await this.#next();
      if (!chunk) break;
      this.#peeked.push(chunk);
      length += chunk.byteLength;
    }
    return Buffer.concat(this.#peeked);
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    yield* this.#peeked.splice(0);
    for (let chunk = await this.#next(); chunk; chunk = await this.#next()) yield chunk;
  }

  async file(): Promise<HostFile> {
    const { keptAt, spool } = this.options;
    if (keptAt === undefined) {
      await this.#spoolTo(spool);
    } else {
      let chunk = await this.#next();
      while (chunk) chunk = await this.#next();
    }
    this.#file ??= openHostFile(keptAt ?? spool, "read-only");
    return this.#file;
  }

  /** All that counts was counted when it came. */
  count(): void {
    // Nothing.
  }

  async sha256(): Promise<string> {
    if (!this.#hash) throw new Error("a stream that was not to be hashed");
    return this.#hash.copy().digest("hex");
  }

  async close(): Promise<void> {
    this.#file?.close();
    await this.#iterator.return?.();
  }

  async #spoolTo(path: string): Promise<void> {
    this.#file = openHostFile(path, "create");
    let offset = 0;
    let lookAt = 0;
    for await (const chunk of this.chunks()) {
      if (offset >= lookAt) {
        this.options.checkRoom();
        lookAt = offset + ROOM_EVERY_BYTES;
      }
      this.#file.write(chunk, offset);
      offset += chunk.byteLength;
    }
  }

  async #next(): Promise<Uint8Array | undefined> {
    const next = await this.#iterator.next();
    if (next.done) return undefined;
    this.#doneBytes += next.value.byteLength;
    // By its own words, too: what is announced as too large is not taken until it is.
    if (Math.max(this.#doneBytes, this.totalBytes ?? 0) > MAX_SOURCE_BYTES)
      throw new ImageError("too-large", `what comes is larger than ${MAX_SOURCE_BYTES / 2 ** 30} GiB`);
    this.#hash?.update(next.value);
    return next.value;
  }
}
