/** A filter over a session's disk: a write is let through, or refused, before anything of it is done. */
import type { Extent, Layer } from "../../disk/layer.ts";

/** Throws to refuse the write of `length` bytes at `offset` of `disk`. */
export type Admission = (disk: Layer, offset: number, length: number) => void;

export class MeteredDisk implements Layer {
  readonly #disk: Layer;
  readonly #admit: Admission;

  constructor(disk: Layer, admit: Admission) {
    this.#disk = disk;
    this.#admit = admit;
  }

  get sizeBytes(): number {
    return this.#disk.sizeBytes;
  }

  get readOnly(): boolean {
    return this.#disk.readOnly;
  }

  tryRead(into: Uint8Array, offset: number): boolean {
    return this.#disk.tryRead(into, offset);
  }

  read(into: Uint8Array, offset: number): Promise<void> {
    return this.#disk.read(into, offset);
  }

  readNow(into: Uint8Array, offset: number): void {
    this.#disk.readNow(into, offset);
  }

  prepare(offset: number, length: number): Promise<void> | undefined {
    return this.#disk.prepare?.(offset, length);
  }

  write(data: Uint8Array, offset: number): void {
    this.#admit(this.#disk, offset, data.byteLength);
    this.#disk.write(data, offset);
  }

  discard(offset: number, length: number): void {
    this.#disk.discard(offset, length);
  }

  flush(): Promise<void> {
    return this.#disk.flush();
  }

  extents(offset: number, length: number): Iterable<Extent> {
    return this.#disk.extents(offset, length);
  }

  close(): Promise<void> {
    return this.#disk.close();
  }
}
