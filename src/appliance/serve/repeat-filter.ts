/** Keeps one message that repeats itself from filling the record of what happened. */

/** Different messages that are remembered; with more than this at once each is told as often as it comes. */
const REMEMBERED_MAX = 256;

export class RepeatFilter {
  readonly #toldAt = new Map<string, number>();

  /** @param now milliseconds of a clock that never goes back */
  constructor(
    private readonly againMs: number,
    private readonly now: () => number = performance.now.bind(performance),
  ) {}

  /** True when this message was not told within the last `againMs`; it counts as told then. */
  isNew(message: string): boolean {
    const now = this.now();
    const told = this.#toldAt.get(message);
    if (told !== undefined && now - told < this.againMs) return false;
    this.#toldAt.delete(message);
    this.#toldAt.set(message, now);
    const [oldest] = this.#toldAt.keys();
    if (this.#toldAt.size > REMEMBERED_MAX && oldest !== undefined) this.#toldAt.delete(oldest);
    return true;
  }
}
