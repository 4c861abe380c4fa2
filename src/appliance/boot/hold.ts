/** Requests that wait for something to change: a person's choice, the end of a connection. */

/** Each holds a socket and a few KiB: more than this at once is not a room of Pis. */
export const WAITING_MAX = 512;

export class WaitingRoom {
  readonly #wake = new Map<string, Set<() => void>>();
  #waiting = 0;

  get waiting(): number {
    return this.#waiting;
  }

  /** True while a question under `key` is held. */
  isWaiting(key: string): boolean {
    return this.#wake.has(key);
  }

  /**
   * Resolves when `key` is called, when `timeoutMs` have passed or when `signal` aborts.
   * Resolves at once when the room is full, so that the asker is answered and asks again.
   */
  async wait(key: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (this.#waiting >= WAITING_MAX || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wakers = this.#wake.get(key) ?? new Set();
    this.#wake.set(key, wakers.add(resolve));
    const timer = setTimeout(resolve, timeoutMs);
    signal.addEventListener("abort", () => resolve(), { once: true });
    this.#waiting += 1;
    await promise;
    this.#waiting -= 1;
    clearTimeout(timer);
    wakers.delete(resolve);
    if (wakers.size === 0 && this.#wake.get(key) === wakers) this.#wake.delete(key);
  }

  /** Wakes who waits under `key`; everyone when no key is given. */
  call(key?: string): void {
    const called =
      key === undefined ? [...this.#wake.values()] : [this.#wake.get(key) ?? new Set<() => void>()];
    for (const wakers of called) for (const wake of wakers) wake();
  }
}
