/** Copies the content of a disk into a file of another format. Runs in a Worker: it reads and writes on its own thread. */
import type { FollowingHash } from "../hash/following-hash.ts";
import type { HostFile } from "../host/file.ts";
import { bothEnded } from "../host/both-ended.ts";
import { WritePace } from "../host/write-pace.ts";
import type { Layer } from "../layer.ts";
import { contentBytes, contentRuns } from "./content.ts";
import { COPY_BYTES, type ExportWriter } from "./writer.ts";

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

export interface CopyOptions {
  /** Hashes the file behind the writer, which must be a raw one. */
  readonly hash?: FollowingHash | undefined;
  /** Called between two pieces; may throw to end the copy. */
  readonly step: (counters: CopyCounters) => void;
}

/** Copies and syncs. Throws the `DiskError` of either side. */
export async function copyDisk(
  disk: Layer,
  file: HostFile,
  writer: ExportWriter,
  { hash, step }: CopyOptions,
): Promise<Exported> {
  const totalBytes = contentBytes(disk);
  const buffer = Buffer.alloc(COPY_BYTES);
  let doneBytes = 0;
  const pace = new WritePace(file);
  for (const piece of copyPieces(disk)) {
    const bytes = buffer.subarray(0, piece.length);
    disk.readNow(bytes, piece.offset);
    writer.push(bytes, piece.offset);
    doneBytes = Math.min(totalBytes, doneBytes + piece.dataBytes);
    step({ doneBytes, totalBytes, writtenBytes: writer.writtenBytes });
    pace.keep(writer.writtenBytes, writer.fileEnd);
    await hash?.reached(piece.offset + piece.length);
  }
  writer.finish();
  const { sizeBytes } = disk;
  const [sums] = await bothEnded(hash?.digest(sizeBytes, sizeBytes), file.sync());
  return { sizeBytes, writtenBytes: writer.writtenBytes, ...(sums && { sha256: sums.sha256 }) };
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
