/** Reads that wait for the disk: a cluster that they may be reading is not given to other data before they are done. */
export class ReadsUnderWay {
  readonly #all = new Set<Promise<void>>();

  async track(read: Promise<void>): Promise<void> {
    this.#all.add(read);
    try {
      await read;
    } finally {
      this.#all.delete(read);
    }
  }

  /** Resolves when the reads that are under way now are done, well or badly. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#all);
  }
}
