/**
 * One sync serves every caller that asked before it began. A caller that comes while one runs waits for the next,
 * because the running one may have passed its data already.
 */
export class GroupCommit {
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(private readonly commit: () => Promise<void>) {}

  get busy(): boolean {
    return this.#running !== undefined;
  }

  /** Resolves or rejects with a commit that began after this call. */
  request(): Promise<void> {
    if (this.#next) return this.#next;
    if (!this.#running) return this.#start();
    this.#next = this.#running.then(
      () => this.#start(),
      () => this.#start(),
    );
    return this.#next;
  }

  #start(): Promise<void> {
    this.#next = undefined;
    const running = this.commit().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}
