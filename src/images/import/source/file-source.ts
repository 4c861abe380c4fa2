/** A file of this computer, or a fetched one. */
import { openHostFile, type HostFile } from "../../../disk/host/file.ts";
import type { Bytes, Content } from "../content.ts";
import type { Source } from "./source.ts";

const READ_BYTES = 1 << 20;
/** Where a file is not in memory, this much is read without asking again whether the next part is. */
const READ_AHEAD_BYTES = 16 * 2 ** 20;
/** A hole is given in parts of this size, so that it can be seen how far the work is. */
const HOLE_BYTES = 64 * 2 ** 20;

export class FileSource implements Source {
  readonly #file: HostFile;
  readonly totalBytes: number;
  #doneBytes = 0;

  /** Opens the file. Throws a `DiskError`. */
  constructor(path: string) {
    this.#file = openHostFile(path, "read-only");
    this.totalBytes = this.#file.sizeBytes();
  }

  get doneBytes(): number {
    return Math.min(this.#doneBytes, this.totalBytes);
  }

  async head(bytes: number): Promise<Uint8Array> {
    const head = new Uint8Array(Math.min(bytes, this.totalBytes));
    this.#file.readNow(head, 0);
    return head;
  }

  chunks(): Bytes {
    return readRange(this.#file, 0, this.totalBytes, (bytes) => this.count(bytes));
  }

  async file(): Promise<HostFile> {
    return this.#file;
  }

  count(bytes: number): void {
    this.#doneBytes += bytes;
  }

  async sha256(): Promise<string> {
    const hash = new Bun.CryptoHasher("sha256");
    for await (const chunk of readRange(this.#file, 0, this.totalBytes)) hash.update(chunk);
    return hash.digest("hex");
  }

  async close(): Promise<void> {
    this.#file.close();
  }
}

/** The bytes of a part of a file in order; the next piece is on its way while one is worked on. */
export async function* readRange(
  file: HostFile,
  offset: number,
  length: number,
  onRead: (bytes: number) => void = () => undefined,
): AsyncGenerator<Uint8Array> {
  const end = offset + length;
  const readAt = async (at: number): Promise<Uint8Array> => {
    const piece = new Uint8Array(Math.min(READ_BYTES, end - at));
    await file.read(piece, at);
    return piece;
  };
  let next = offset < end ? readAt(offset) : undefined;
  for (let at = offset; next;) {
    const piece = await next;
    at += piece.byteLength;
    next = at < end ? readAt(at) : undefined;
    // Its failure is seen when it is waited for, or not at all when nobody takes more.
    next?.catch(() => undefined);
    onRead(piece.byteLength);
    yield piece;
  }
}

/** The content of a raw disk: holes of the file are not read. */
export async function* rawContent(file: HostFile, onRead: (bytes: number) => void): Content {
  for (const { offset, length, hole } of file.segments(0, file.sizeBytes())) {
    if (hole) {
      for (let left = length; left > 0; left -= HOLE_BYTES) {
        const zeros = Math.min(left, HOLE_BYTES);
        onRead(zeros);
        yield { zeros };
      }
    } else {
      yield* dataContent(file, offset, length, onRead);
    }
  }
}

/** Data that is in memory is read here, into one buffer; what is not is read ahead for a while on the thread pool. */
async function* dataContent(
  file: HostFile,
  offset: number,
  length: number,
  onRead: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(Math.min(READ_BYTES, length));
  for (let done = 0; done < length;) {
    const piece = buffer.subarray(0, Math.min(READ_BYTES, length - done));
    if (file.tryRead(piece, offset + done)) {
      onRead(piece.byteLength);
      yield piece;
      done += piece.byteLength;
    } else {
      const cold = Math.min(READ_AHEAD_BYTES, length - done);
      yield* readRange(file, offset + done, cold, onRead);
      done += cold;
    }
  }
}
