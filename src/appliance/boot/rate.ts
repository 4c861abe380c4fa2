/** A token bucket per peer: what one host may say in a while, so that it cannot wash everyone else's events away. */

interface Bucket {
  tokens: number;
  at: number;
}

/** Peers remembered; the oldest is forgotten beyond that, which only gives it fresh tokens. */
const PEERS_MAX = 1024;

export class RateLimit {
  readonly #buckets = new Map<string, Bucket>();
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #now: () => number;

  /** `now` gives milliseconds of a clock that nobody sets: one that is set back would lock everyone out. */
  constructor(burst: number, perSecond: number, now: () => number = () => performance.now()) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#now = now;
  }

  /** Takes a token of `peer`; false when it has none left. */
  take(peer: string): boolean {
    const now = this.#now();
    const known = this.#buckets.get(peer);
    const refilled = known ? known.tokens + ((now - known.at) / 1000) * this.#perSecond : this.#burst;
    const tokens = Math.min(this.#burst, refilled);
    this.#buckets.delete(peer);
    this.#buckets.set(peer, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    const oldest = this.#buckets.size > PEERS_MAX ? this.#buckets.keys().next().value : undefined;
    if (oldest !== undefined) this.#buckets.delete(oldest);
    return tokens >= 1;
  }
}
