import type { OnShimProgress } from "./progress.ts";

export interface Step {
  /** Words for people. */
  readonly name: string;
  /** Its usual time on two cores with nothing cached, in seconds; only the ratios matter. */
  readonly weightSeconds: number;
}

/** Below this part of the work an estimate would be a guess. */
const ESTIMATE_FROM = 0.02;

/** Turns "this step is half done" into the fraction and the remaining time of the whole build. */
export class ProgressMeter {
  readonly #steps: readonly Step[];
  readonly #report: OnShimProgress;
  readonly #now: () => number;
  readonly #startedMs: number;
  #highest = 0;

  /** @param now milliseconds, for tests */
  constructor(steps: readonly Step[], report: OnShimProgress, now: () => number = Date.now) {
    this.#steps = steps;
    this.#report = report;
    this.#now = now;
    this.#startedMs = now();
  }

  /** Says that the step of this name is done to `within` (0 to 1), and all steps before it wholly. */
  at(name: string, within = 0): void {
    const index = this.#steps.findIndex((step) => step.name === name);
    const step = this.#steps[index];
    if (step === undefined) throw new RangeError(`no such step: ${name}`);
    const total = weigh(this.#steps);
    const done = weigh(this.#steps.slice(0, index)) + step.weightSeconds * within;
    this.#highest = Math.max(this.#highest, done / total);
    const elapsedSeconds = (this.#now() - this.#startedMs) / 1000;
    const etaSeconds =
      this.#highest < ESTIMATE_FROM
        ? undefined
        : Math.round((elapsedSeconds * (1 - this.#highest)) / this.#highest);
    this.#report({ step: name, fraction: this.#highest, etaSeconds });
  }
}

function weigh(steps: readonly Step[]): number {
  return steps.reduce((sum, { weightSeconds }) => sum + weightSeconds, 0);
}
