/**
 * A disk in use whose layer can be exchanged under it: how a snapshot is taken while an initiator is logged in.
 * The exchange happens between two calls, so a write is on the one side of it or on the other, never on both.
 */
import { GroupCommit } from "./host/group-commit.ts";
import type { Extent, Layer } from "./layer.ts";

export class SwitchLayer implements Layer {
  readonly sizeBytes: number;
  #current: Layer;
  /** What makes the layers beneath durable; there from an exchange until that has succeeded. */
  #settle: GroupCommit | undefined;

  constructor(layer: Layer) {
    this.#current = layer;
    this.sizeBytes = layer.sizeBytes;
  }

  /** What all calls go to. */
  get current(): Layer {
    return this.#current;
  }

  get readOnly(): boolean {
    return this.#current.readOnly;
  }

  /**
   * From now on every call goes to `next`, which lies over the layer until now. Resolves when `settle` has made that
   * durable (for an overlay: `freeze`). Until then a flush waits for it as well, and tries it again when it failed.
   */
  replace(next: Layer, settle: () => Promise<void>): Promise<void> {
    if (next.sizeBytes !== this.sizeBytes)
      throw new RangeError(`a disk of ${this.sizeBytes} bytes cannot become one of ${next.sizeBytes}`);
    const before = this.#settle;
    const commit = new GroupCommit(async () => {
      await before?.request();
      await settle();
      if (this.#settle === commit) this.#settle = undefined;
    });
    this.#settle = commit;
    this.#current = next;
    return commit.request();
  }

  tryRead(into: Uint8Array, offset: number): boolean {
    return this.#current.tryRead(into, offset);
  }

  read(into: Uint8Array, offset: number): Promise<void> {
    return this.#current.read(into, offset);
  }

  readNow(into: Uint8Array, offset: number): void {
    this.#current.readNow(into, offset);
  }

  prepare(offset: number, length: number): Promise<void> | undefined {
    return this.#current.prepare(offset, length);
  }

  write(data: Uint8Array, offset: number): void {
    this.#current.write(data, offset);
  }

  discard(offset: number, length: number): void {
    this.#current.discard(offset, length);
  }

  async flush(): Promise<void> {
    await Promise.all([this.#settle?.request(), this.#current.flush()]);
  }

  extents(offset: number, length: number): Iterable<Extent> {
    return this.#current.extents(offset, length);
  }

  close(): Promise<void> {
    return this.#current.close();
  }
}
