/**
 * What a person asks of a Pi by way of the shim that runs on it: the shim asks the boot endpoint what to do, and its
 * answer carries the order. Once it has been told its disk it asks no more, and nothing of ours runs on the Pi that
 * could be asked.
 */
import { formatDuration } from "../durations.ts";

export const PI_ORDERS = ["reboot", "blink"] as const;
export type PiOrder = (typeof PI_ORDERS)[number];

/** A shim that was refused, or whose answer it had to wait for, asks again within this time. */
export const ASKS_AGAIN_MS = 60_000;
/** Like the Pis that are remembered elsewhere: a hostile host can invent serial numbers. */
const HEARD_MAX = 1024;

interface Heard {
  at: number;
  /** It has a question open, or will ask again. */
  listens: boolean;
}

export interface Hearing {
  readonly hears: boolean;
  /** What is to be said to whoever asked. */
  readonly detail: string;
  readonly fix: string | null;
}

export class PiOrders {
  readonly #heard = new Map<string, Heard>();
  readonly #pending = new Map<string, { readonly order: PiOrder; readonly until: number }>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** The shim of this Pi asks, or is told to ask again. */
  asks(key: string): void {
    this.#note(key, true);
  }

  /** The shim of this Pi has its disk: it asks no more. */
  goesOn(key: string): void {
    this.#note(key, false);
    this.#pending.delete(key);
  }

  /** Leaves an order for a Pi, unless nobody there would hear it. `isWaiting`: its question is open at this moment. */
  give(key: string, order: PiOrder, isWaiting: boolean): Hearing {
    const heard = this.#heard.get(key);
    const now = this.#now();
    if (isWaiting || (heard?.listens === true && now - heard.at < ASKS_AGAIN_MS)) {
      this.#pending.set(key, { order, until: now + ASKS_AGAIN_MS });
      const when = isWaiting ? "now" : `when it asks again, within ${formatDuration(ASKS_AGAIN_MS)}`;
      return { hears: true, detail: `${WORDS[order]} ${when}`, fix: null };
    }
    return {
      hears: false,
      detail:
        heard?.listens === false
          ? "It has gone on to its own system, where nothing of pinetboot listens"
          : "No boot shim of this Pi asks for anything now, so it cannot be told",
      fix:
        order === "reboot"
          ? "Restart it in its own system (sudo reboot), or take its power away and give it back."
          : "It can blink only while the boot shim waits on it: before an image is chosen, or while its disk is held.",
    };
  }

  /** True when there is an order to fetch for a Pi. */
  isFor(key: string): boolean {
    return (this.#pending.get(key)?.until ?? 0) > this.#now();
  }

  /** The order for a Pi, once. */
  take(key: string): PiOrder | undefined {
    const pending = this.#pending.get(key);
    this.#pending.delete(key);
    return pending && pending.until > this.#now() ? pending.order : undefined;
  }

  #note(key: string, listens: boolean): void {
    this.#heard.delete(key);
    this.#heard.set(key, { at: this.#now(), listens });
    const [oldest] = this.#heard.keys();
    if (this.#heard.size > HEARD_MAX && oldest !== undefined) this.#heard.delete(oldest);
  }
}

const WORDS: Record<PiOrder, string> = {
  reboot: "It is told to restart",
  blink: "It is told to blink its LED",
};
