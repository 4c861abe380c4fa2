/** How long the rest takes, by the speed of the last while: a slow start or a cut connection is soon forgotten. */

/** Before this much time has passed, a guess at the rest would be a wild one. */
const FIRST_GUESS_MS = 1000;
/** What the speed is measured over. */
const WINDOW_MS = 20_000;

export class EtaMeter {
  #samples: { readonly at: number; readonly doneBytes: number }[] = [];

  /** Seconds until `totalBytes` are done, or undefined while nobody can know. `now` is in milliseconds and only grows. */
  eta(doneBytes: number, totalBytes: number | undefined, now: number): number | undefined {
    this.#samples.push({ at: now, doneBytes });
    this.#samples = this.#samples.filter(({ at }, index, all) => {
      // The youngest that is older than the window stays, so that there is always a whole window to look at.
      const next = all[index + 1];
      return next === undefined || next.at > now - WINDOW_MS || at > now - WINDOW_MS;
    });
    const first = this.#samples[0];
    if (totalBytes === undefined || !first || now - first.at < FIRST_GUESS_MS) return undefined;
    const speed = (doneBytes - first.doneBytes) / (now - first.at);
    if (speed <= 0) return undefined;
    return Math.ceil(Math.max(0, totalBytes - doneBytes) / speed / 1000);
  }
}
