/**
 * News that count only while they are new: nobody asks for yesterday's throughput. They go to whoever listens at that
 * moment, and are not kept beside the events, which they would wash away.
 */
import type { Traffic } from "./sessions/traffic.ts";

export interface SessionTraffic extends Traffic {
  /** Of the session. */
  readonly id: string;
}

export type LiveNews =
  | { readonly kind: "traffic"; readonly at: number; readonly sessions: readonly SessionTraffic[] }
  | {
      readonly kind: "console";
      readonly at: number;
      readonly pi: string;
      readonly id: number;
      readonly text: string;
    };

export class LiveFeed {
  readonly #listeners = new Set<(news: LiveNews) => void>();

  tell(news: LiveNews): void {
    for (const listener of this.#listeners) listener(news);
  }

  /** Calls `listener` with all news from now on, until the returned function is called. */
  listen(listener: (news: LiveNews) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}
