/** Counts wrong keys by address, so that nobody can try many. */

/** Typing errors stay below it. */
const TRIES_MAX = 10;
const WINDOW_MS = 60_000;
/** Addresses that are remembered; whoever commands more has the network. */
const ADDRESSES_MAX = 4096;

export class Attempts {
  readonly #now: () => number;
  readonly #tries = new Map<string, { count: number; until: number }>();

  /** `now` gives milliseconds of a clock that nobody sets. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Seconds until the address may try again; 0 when it may. */
  waitSeconds(address: string): number {
    const tries = this.#tries.get(address);
    const left = (tries?.until ?? 0) - this.#now();
    return tries && tries.count >= TRIES_MAX && left > 0 ? Math.ceil(left / 1000) : 0;
  }

  /** Counts a wrong key. */
  failed(address: string): void {
    const now = this.#now();
    const tries = this.#tries.get(address);
    if (tries && tries.until > now) tries.count += 1;
    else {
      const [oldest] = this.#tries.keys();
      if (this.#tries.size >= ADDRESSES_MAX && oldest !== undefined) this.#tries.delete(oldest);
      this.#tries.delete(address);
      this.#tries.set(address, { count: 1, until: now + WINDOW_MS });
    }
  }
}
