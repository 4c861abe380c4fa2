/** One import from its bytes to a finished file: the part that runs in the Worker, and in tests without one. */
import { dirname } from "node:path";
import { errnoOf } from "../../disk/disk-error.ts";
import { FollowingHash } from "../../disk/hash/following-hash.ts";
import { openHostFile } from "../../disk/host/file.ts";
import { ImageError } from "../image-error.ts";
import { checkSource, checkUnpacked as checkImage, type Checks } from "./checks.ts";
import type { Bytes, Content } from "./content.ts";
import { decompress } from "./decompress.ts";
import { checkUnpacked, formatOf, MAGIC_BYTES, type FormatChoice, type FormatName } from "./formats.ts";
import { MAX_EXPANSION, MAX_IMAGE_BYTES, UNQUESTIONED_BYTES } from "./limits.ts";
import { qcow2Content } from "./qcow2/content.ts";
import { checkRoom, roomIn } from "./room.ts";
import { FileSource, rawContent, readRange } from "./source/file-source.ts";
import type { Source } from "./source/source.ts";
import { SparseWriter, type Written } from "./sparse-writer.ts";
import { unzip } from "./zip/unzip.ts";

export interface Unpacked extends Written {
  readonly format: FormatName;
  readonly writtenBytes: number;
}

export interface Counters {
  /** Bytes of the source that were read, and how many there are, if that is known. */
  readonly doneBytes: number;
  readonly totalBytes: number | undefined;
  /** Bytes that the image takes so far. */
  readonly writtenBytes: number;
}

export interface UnpackOptions {
  readonly format?: FormatChoice;
  readonly checks?: Checks;
  /** Gives the way to a thread that hashes; without it, this one does. */
  readonly openHasher?: () => Promise<MessagePort>;
  /** Called after every piece. */
  readonly onProgress?: (counters: Counters) => void;
  /** Called before every piece and at the end; throws to end the import. */
  readonly goOn?: () => void;
  /** Lower limits than the named ones. */
  readonly maxBytes?: number;
  readonly unquestionedBytes?: number;
}

/**
 * Unpacks the source into a new file at `target`, synced, and closes the source. Throws an `ImageError`; the file may be
 * there then, unfinished.
 */
export async function unpack(source: Source, target: string, options: UnpackOptions = {}): Promise<Unpacked> {
  const { checks = {}, openHasher, onProgress = () => undefined, goOn = () => undefined } = options;
  const { maxBytes = MAX_IMAGE_BYTES, unquestionedBytes = UNQUESTIONED_BYTES } = options;
  try {
    const head = await source.head(MAGIC_BYTES);
    if (head.byteLength === 0) throw new ImageError("unknown-format", "the file is empty");
    const format = formatOf(head, options.format);
    const file = openHostFile(target, "create");
    const hash = new FollowingHash(target, openHasher);
    const folder = dirname(target);
    const writer = new SparseWriter(file, maxBytes, hash, (written) => {
      guardExpansion(written, source, unquestionedBytes);
      guardRoom(folder);
    });
    try {
      // What is packed does not shrink by being unpacked, zeros aside: this much is needed at least.
      if (format !== "raw" && format !== "qcow2" && source.totalBytes !== undefined)
        checkRoom(folder, source.totalBytes, "the image");
      for await (const piece of await contentOf(format, source, options.format ?? "auto")) {
        goOn();
        await writer.push(piece);
        onProgress(countersOf(source, writer));
      }
      goOn();
      if (writer.contentBytes === 0)
        throw new ImageError("unknown-format", "there is nothing in the archive");
      const written = await writer.finish();
      guardExpansion(writer.writtenBytes, source, unquestionedBytes);
      await checkSource(checks, source, written);
      checkImage(checks, written);
      onProgress(countersOf(source, writer));
      return { ...written, format, writtenBytes: writer.writtenBytes };
    } finally {
      file.close();
      await hash.close();
    }
  } catch (error) {
    throw toImageError(error);
  } finally {
    await source.close();
  }
}

/** The disk's content, whatever it came in. */
async function contentOf(format: FormatName, source: Source, choice: FormatChoice): Promise<Content> {
  const count = (bytes: number): void => source.count(bytes);
  switch (format) {
    case "raw":
      // A file's holes are known without reading them.
      return source instanceof FileSource ? rawContent(await source.file(), count) : source.chunks();
    case "qcow2":
      return qcow2Content(await source.file(), count);
    case "zip": {
      const file = await source.file();
      const read = (offset: number, length: number): Bytes => readRange(file, offset, length, count);
      return checked(unzip(file, read), format, choice);
    }
    case "gzip":
    case "xz":
    case "zstd":
    case "bzip2":
      return checked(decompress(format, source.chunks()), format, choice);
  }
}

/** Looks at the beginning of what was unpacked, once. */
async function* checked(
  unpacked: Bytes,
  archive: FormatName,
  choice: FormatChoice,
): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | undefined = choice === "raw" ? undefined : new Uint8Array();
  for await (const chunk of unpacked) {
    if (head) {
      head = Buffer.concat([head, chunk.subarray(0, MAGIC_BYTES)]);
      checkUnpacked(head, archive);
      if (head.byteLength >= MAGIC_BYTES) head = undefined;
    }
    yield chunk;
  }
}

function countersOf({ doneBytes, totalBytes }: Source, { writtenBytes }: SparseWriter): Counters {
  return { doneBytes, totalBytes, writtenBytes };
}

/** Looked at while the image is written. Throws "no-space" before the disk is full. */
function guardRoom(folder: string): void {
  if (roomIn(folder) > 0) return;
  throw new ImageError(
    "no-space",
    "the disk of the image library is nearly full, and the rest is left to the sessions",
    "Make room (pinetboot image list, pinetboot image remove NAME) and import again.",
  );
}

/** Throws "too-large" for what has become many times as large as it was, zeros aside. */
function guardExpansion(writtenBytes: number, { doneBytes }: Source, unquestionedBytes: number): void {
  if (writtenBytes <= unquestionedBytes || writtenBytes <= doneBytes * MAX_EXPANSION) return;
  throw new ImageError(
    "too-large",
    `what is unpacked is more than ${MAX_EXPANSION} times as large as the archive: that is no disk image, but a bomb`,
    "Unpack it by other means and look at what it is.",
  );
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
        "Make room (pinetboot image list, pinetboot image remove NAME) and import again.",
        { cause: error },
      );
    case "ENOENT":
    case "EISDIR":
    case "EACCES":
      return new ImageError(
        "not-a-file",
        `the file cannot be read: ${words}`,
        "Is its name right, and may the server read it?",
        { cause: error },
      );
    default:
      return new ImageError("io", words, undefined, { cause: error });
  }
}
