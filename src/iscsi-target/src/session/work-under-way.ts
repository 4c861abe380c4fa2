/** Device work that a session has begun and that is not settled yet. */
export class WorkUnderWay {
  readonly #settled: () => void;
  readonly #broken: (error: unknown) => void;
  #count = 0;
  #waiting: (() => void)[] = [];

  /**
   * @param settled called each time a piece of work is done
   * @param broken called with what a piece of work threw: it reports its own failures, so that is an error of ours
   */
  constructor(settled: () => void, broken: (error: unknown) => void) {
    this.#settled = settled;
    this.#broken = broken;
  }

  track(work: Promise<void>): void {
    this.#count++;
    work.then(
      () => this.#settle(),
      (error: unknown) => {
        this.#settle();
        this.#broken(error);
      },
    );
  }

  /** Resolves when nothing is under way. */
  async done(): Promise<void> {
    if (this.#count > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #settle(): void {
    this.#count--;
    if (this.#count === 0) for (const resolve of this.#waiting.splice(0)) resolve();
    this.#settled();
  }
}
