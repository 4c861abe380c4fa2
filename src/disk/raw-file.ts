/** A disk that is one plain file of the host, byte for byte: the base images, and the simplest writable disk. */
import { checkRange, DiskError } from "./disk-error.ts";
import { openHostFile, type HostFile } from "./host/file.ts";
import { GroupCommit } from "./host/group-commit.ts";
import type { Extent, Layer } from "./layer.ts";

const PAGE_BYTES = 4096;
/** Zeros are written in pieces of this many bytes where a file system cannot punch holes. */
const ZERO_PIECE_BYTES = 1 << 20;

/**
 * Opens a raw disk image. Its size is the file's, fixed from now on. Nothing in its content is ever interpreted.
 * Throws a `DiskError` with the errno name when the file cannot be opened.
 */
export async function openRawFile(path: string, options: { readonly readOnly: boolean }): Promise<Layer> {
  return new RawFile(openHostFile(path, options.readOnly ? "read-only" : "read-write"), options.readOnly);
}

class RawFile implements Layer {
  readonly sizeBytes: number;
  readonly #commit: GroupCommit;
  #unsynced = false;

  constructor(
    private readonly file: HostFile,
    readonly readOnly: boolean,
  ) {
    this.sizeBytes = file.sizeBytes();
    this.#commit = new GroupCommit(async () => {
      if (!this.#unsynced) return;
      this.#unsynced = false;
      await this.file.sync();
    });
  }

  tryRead(into: Uint8Array, offset: number): boolean {
    checkRange(offset, into.byteLength, this.sizeBytes);
    return this.file.tryRead(into, offset);
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    checkRange(offset, into.byteLength, this.sizeBytes);
    await this.file.read(into, offset);
  }

  readNow(into: Uint8Array, offset: number): void {
    checkRange(offset, into.byteLength, this.sizeBytes);
    this.file.readNow(into, offset);
  }

  /** The pages of the host that a write of the range covers in part: the kernel reads them first. */
  prepare(offset: number, length: number): Promise<void> | undefined {
    checkRange(offset, length, this.sizeBytes);
    if (this.readOnly) return undefined;
    const end = offset + length;
    const edges = new Set(
      [offset, end].filter((at) => at % PAGE_BYTES !== 0).map((at) => at - (at % PAGE_BYTES)),
    );
    const cold = [...edges]
      .map((start) => ({ start, bytes: new Uint8Array(Math.min(PAGE_BYTES, this.sizeBytes - start)) }))
      .filter(({ start, bytes }) => !this.file.tryRead(bytes, start));
    if (cold.length === 0) return undefined;
    return Promise.all(cold.map(({ start, bytes }) => this.file.read(bytes, start))).then(() => undefined);
  }

  write(data: Uint8Array, offset: number): void {
    this.#checkWritable(offset, data.byteLength);
    this.#unsynced = true;
    this.file.write(data, offset);
  }

  discard(offset: number, length: number): void {
    this.#checkWritable(offset, length);
    this.#unsynced = true;
    if (this.file.punch(offset, length)) return;
    const zeros = new Uint8Array(Math.min(length, ZERO_PIECE_BYTES));
    for (let done = 0; done < length; done += zeros.byteLength) {
      this.file.write(zeros.subarray(0, length - done), offset + done);
    }
  }

  flush(): Promise<void> {
    return this.#commit.request();
  }

  *extents(offset: number, length: number): Generator<Extent> {
    checkRange(offset, length, this.sizeBytes);
    for (const segment of this.file.segments(offset, length)) {
      yield { offset: segment.offset, length: segment.length, kind: segment.hole ? "zero" : "data" };
    }
  }

  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      this.file.close();
    }
  }

  #checkWritable(offset: number, length: number): void {
    checkRange(offset, length, this.sizeBytes);
    if (this.readOnly) throw new DiskError("EROFS", `${this.file.path}: the disk is read-only`);
  }
}
