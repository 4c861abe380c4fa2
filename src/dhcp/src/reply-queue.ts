/** Replies that are held back: a Pi 3 can hang on one that comes too fast. */

/** Ten seconds is more than any client waits between two tries. */
export const MAX_REPLY_DELAY_MS = 10_000;
/** A flood of requests must not fill the memory with replies: one a client, and this many in all. */
const MAX_WAITING = 1024;

export class ReplyQueue {
  readonly #waiting = new Map<string, ReturnType<typeof setTimeout>>();

  /**
   * Runs `send` after the delay, at once when it is 0.
   * Returns false, and sends nothing, when a reply for the same key still waits or too many do.
   */
  add(key: string, delayMs: number, send: () => void): boolean {
    if (this.#waiting.has(key)) return false;
    if (!(delayMs > 0)) {
      send();
      return true;
    }
    if (this.#waiting.size >= MAX_WAITING) return false;
    const timer = setTimeout(
      () => {
        this.#waiting.delete(key);
        send();
      },
      Math.min(delayMs, MAX_REPLY_DELAY_MS),
    );
    this.#waiting.set(key, timer);
    return true;
  }

  /** Forgets everything that waits. */
  clear(): void {
    for (const timer of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
  }
}
