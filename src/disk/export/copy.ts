/** Copies the content of a disk into a file of another format. Runs in a Worker: it reads and writes on its own thread. */
import type { HostFile } from "../host/file.ts";
import type { Layer } from "../layer.ts";
import { contentBytes, contentRuns } from "./content.ts";
import { COPY_BYTES, type ExportWriter } from "./writer.ts";

/**
 * Written bytes after which the disk is told to begin, and then waited for while the next so many are written: dirty pages
 * never fill the memory, the sync at the end is short, and the flushes of sessions on the same disk have little to wait for.
 */
const WRITE_BACK_BYTES = 32 * 2 ** 20;

export interface CopyCounters {
  /** Bytes of the disk that hold data and were copied, and how many there are. */
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly writtenBytes: number;
}

export interface Exported {
  /** Size of the disk, and what was written for it. */
  readonly sizeBytes: number;
  readonly writtenBytes: number;
  readonly sha256?: string;
}

/**
 * Copies and syncs. `options.step` is called between two pieces and may throw to end the copy.
 * Throws the `DiskError` of either side.
 */
export async function copyDisk(
  disk: Layer,
  file: HostFile,
  writer: ExportWriter,
  options: { readonly sha256: boolean; readonly step: (counters: CopyCounters) => void },
): Promise<Exported> {
  const totalBytes = contentBytes(disk);
  const buffer = Buffer.alloc(COPY_BYTES);
  const hash = options.sha256 ? new ContentHash() : undefined;
  let doneBytes = 0;
  const pace = new Pace(file, writer);
  for (const piece of copyPieces(disk)) {
    const bytes = buffer.subarray(0, piece.length);
    disk.readNow(bytes, piece.offset);
    writer.push(bytes, piece.offset);
    hash?.push(bytes, piece.offset);
    doneBytes = Math.min(totalBytes, doneBytes + piece.dataBytes);
    options.step({ doneBytes, totalBytes, writtenBytes: writer.writtenBytes });
    pace.keep();
  }
  writer.finish();
  await file.sync();
  const exported = { sizeBytes: disk.sizeBytes, writtenBytes: writer.writtenBytes };
  return hash ? { ...exported, sha256: hash.finish(disk.sizeBytes) } : exported;
}

/** Keeps what is written and not yet on the disk to two steps. */
class Pace {
  #writtenAt = 0;
  #begun = { start: 0, end: 0 };

  constructor(
    private readonly file: HostFile,
    private readonly writer: ExportWriter,
  ) {}

  keep(): void {
    const { writtenBytes, fileEnd } = this.writer;
    if (writtenBytes - this.#writtenAt < WRITE_BACK_BYTES) return;
    this.#writtenAt = writtenBytes;
    const { start, end } = this.#begun;
    this.file.writeBack(end, fileEnd - end, false);
    if (end > start) this.file.writeBack(start, end - start, true);
    this.#begun = { start: end, end: fileEnd };
  }
}

/** The hash of a disk of which only the parts with data are seen. */
class ContentHash {
  readonly #hash = new Bun.CryptoHasher("sha256");
  readonly #zeros = new Uint8Array(COPY_BYTES);
  #at = 0;

  push(bytes: Uint8Array, offset: number): void {
    this.#zerosUntil(offset);
    this.#hash.update(bytes);
    this.#at += bytes.byteLength;
  }

  finish(sizeBytes: number): string {
    this.#zerosUntil(sizeBytes);
    return this.#hash.digest("hex");
  }

  #zerosUntil(offset: number): void {
    while (this.#at < offset) {
      const part = this.#zeros.subarray(0, offset - this.#at);
      this.#hash.update(part);
      this.#at += part.byteLength;
    }
  }
}

interface CopyPiece {
  readonly offset: number;
  readonly length: number;
  readonly dataBytes: number;
}

/** The pieces of the disk, at multiples of `COPY_BYTES`, that hold any data. */
function* copyPieces(disk: Layer): Generator<CopyPiece> {
  let open: { index: number; dataBytes: number } | undefined;
  const pieceOf = ({ index, dataBytes }: { index: number; dataBytes: number }): CopyPiece => {
    const offset = index * COPY_BYTES;
    return { offset, length: Math.min(COPY_BYTES, disk.sizeBytes - offset), dataBytes };
  };
  for (const run of contentRuns(disk, 0, disk.sizeBytes)) {
    if (run.kind === "zero") continue;
    const end = run.offset + run.length;
    for (let at = run.offset; at < end;) {
      const index = Math.floor(at / COPY_BYTES);
      const stop = Math.min(end, (index + 1) * COPY_BYTES);
      if (open && open.index !== index) {
        yield pieceOf(open);
        open = undefined;
      }
      open ??= { index, dataBytes: 0 };
      open.dataBytes += stop - at;
      at = stop;
    }
  }
  if (open) yield pieceOf(open);
}
