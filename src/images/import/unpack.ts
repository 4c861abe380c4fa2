/** One import from its bytes to a finished file: the part that runs in the Worker, and in tests without one. */
import { errnoOf } from "../../disk/disk-error.ts";
import { openHostFile } from "../../disk/host/file.ts";
import { ImageError } from "../image-error.ts";
import { decompress, type Bytes } from "./decompress.ts";
import { formatOf, MAGIC_BYTES, type FormatName } from "./formats.ts";
import { SparseWriter } from "./sparse-writer.ts";

/** Largest image that is unpacked, 2 TiB: no card or disk for a Pi is larger, and what claims to be is a bomb. */
export const MAX_IMAGE_BYTES = 2 * 2 ** 40;

export interface Unpacked {
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly format: FormatName;
  readonly writtenBytes: number;
}

export interface Counters {
  /** Bytes of the source that were read. */
  readonly doneBytes: number;
  /** Bytes that the image takes so far. */
  readonly writtenBytes: number;
}

/**
 * Unpacks the source into a new file at `target`, synced. Throws an `ImageError`; the file may be there then, unfinished.
 * @param onProgress called after every piece
 */
export async function unpack(
  source: Bytes,
  target: string,
  onProgress: (counters: Counters) => void,
  maxBytes = MAX_IMAGE_BYTES,
): Promise<Unpacked> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    const { head, all } = await peek(iterator);
    if (head.byteLength === 0) throw new ImageError("unknown-format", "the file is empty");
    const format = formatOf(head);
    const file = openHostFile(target, "create");
    try {
      const writer = new SparseWriter(file, maxBytes);
      let doneBytes = 0;
      const counted = count(all, (bytes) => {
        doneBytes += bytes;
      });
      for await (const chunk of decompress(format, counted)) {
        await writer.push(chunk);
        onProgress({ doneBytes, writtenBytes: writer.writtenBytes });
      }
      if (writer.contentBytes === 0)
        throw new ImageError("unknown-format", "there is nothing in the archive");
      return { ...(await writer.finish()), format, writtenBytes: writer.writtenBytes };
    } finally {
      file.close();
    }
  } catch (error) {
    throw toImageError(error);
  } finally {
    await iterator.return?.();
  }
}

/** An error of the disk in the library's words. */
export function toImageError(error: unknown): ImageError {
  if (error instanceof ImageError) return error;
  const words = error instanceof Error ? error.message : String(error);
  switch (errnoOf(error)) {
    case "ENOSPC":
    case "EDQUOT":
      return new ImageError(
        "no-space",
        "the disk of the image library is full",
        "Make room and import again.",
        {
          cause: error,
        },
      );
    case "ENOENT":
    case "EISDIR":
    case "EACCES":
      return new ImageError("not-a-file", `the file cannot be read: ${words}`, undefined, { cause: error });
    default:
      return new ImageError("io", words, undefined, { cause: error });
  }
}

/** The first bytes of a stream, and the stream with them again. */
async function peek(iterator: AsyncIterator<Uint8Array>): Promise<{ head: Uint8Array; all: Bytes }> {
  const seen: Uint8Array[] = [];
  let bytes = 0;
  while (bytes < MAGIC_BYTES) {
    const next = await iterator.next();
    if (next.done) break;
    seen.push(next.value);
    bytes += next.value.byteLength;
  }
  return { head: Buffer.concat(seen), all: again(seen, iterator) };
}

async function* again(
  seen: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* seen;
  while (true) {
    const next = await rest.next();
    if (next.done) return;
    yield next.value;
  }
}

async function* count(source: Bytes, see: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    see(chunk.byteLength);
    yield chunk;
  }
}
