/** A filter over a session's disk: a write is let through, or refused, before anything of it is done. */
import { type ContentRun, contentRuns } from "../../disk/export/content.ts";
import type { Layer } from "../../disk/layer.ts";
import type { SwitchLayer } from "../../disk/switch-layer.ts";

/** Throws to refuse the write of `length` bytes at `offset` of `disk`. */
export type Admission = (disk: Layer, offset: number, length: number) => void;

export class MeteredDisk implements Layer {
  readonly #disk: SwitchLayer;
  readonly #admit: Admission;

  constructor(disk: SwitchLayer, admit: Admission) {
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
    return this.#disk.prepare(offset, length);
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

  /** Seen through the whole chain: what is a hole in the image is one for the initiator (GET LBA STATUS). */
  extents(offset: number, length: number): Iterable<ContentRun> {
    return contentRuns(this.#disk.current, offset, length);
  }

  close(): Promise<void> {
    return this.#disk.close();
  }
}
