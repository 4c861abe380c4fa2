import type { OnShimProgress } from "./progress.ts";

export interface Step {
  /** Words for people. */
  readonly name: string;
  /** Its usual time on two cores with nothing cached, in seconds. */
  readonly weightSeconds: number;
}

/**
 * For so many seconds the usual times are believed more than this machine's own:
 * the first step of a build says little about its compiler.
 */
const PRIOR_SECONDS = 120;

/** Turns "this step is half done" into the fraction and the remaining time of the whole build. */
export class ProgressMeter {
  readonly #weights: Map<string, number>;
  readonly #report: OnShimProgress;
  readonly #now: () => number;
  readonly #startedMs: number;
  #highest = 0;

  /** @param now milliseconds, for tests */
  constructor(steps: readonly Step[], report: OnShimProgress, now: () => number = Date.now) {
    this.#weights = new Map(steps.map(({ name, weightSeconds }) => [name, weightSeconds]));
    this.#report = report;
    this.#now = now;
    this.#startedMs = now();
  }

  /** Says that a step will take another time than usual, since an earlier build has done most of it. */
  expect(name: string, seconds: number): void {
    this.#weights.set(name, seconds);
  }

  /** Says that the step of this name is done to `within` (0 to 1), and all steps before it wholly. */
  at(name: string, within = 0): void {
    const names = [...this.#weights.keys()];
    const index = names.indexOf(name);
    if (index < 0) throw new RangeError(`no such step: ${name}`);
    const weights = [...this.#weights.values()];
    const total = sum(weights);
    const done = sum(weights.slice(0, index)) + (weights[index] ?? 0) * within;
    this.#highest = Math.max(this.#highest, done / total);
    const elapsedSeconds = (this.#now() - this.#startedMs) / 1000;
    const slowness = (elapsedSeconds + PRIOR_SECONDS) / (done + PRIOR_SECONDS);
    const etaSeconds = Math.round((total - done) * slowness);
    this.#report({ step: name, fraction: this.#highest, etaSeconds });
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
