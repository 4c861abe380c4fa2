/** Long work under way, and such that ended lately, so that whoever began it can follow it, and anyone can stop it. */
import { ApplianceError, type ErrorCode } from "../errors.ts";
import { toApplianceError } from "../errors-of-floors.ts";
import { cleanText } from "../events.ts";

/** What every job tells, whatever its work is. */
export interface Job {
  readonly id: string;
  readonly state: "running" | "done" | "failed";
  readonly error: JobError | null;
}

export interface JobError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly fix: string | null;
}

/** Ended jobs are kept so that their end can be read. */
const ENDED_KEPT = 64;

interface Running<Part> {
  readonly abort: AbortController;
  readonly part: Part;
  end: Promise<void>;
}

/** `Part` is what the table keeps with a job only while it runs. */
export class JobTable<J extends Job, Part> {
  /** What one, and several, are called in a refusal. */
  readonly #words: readonly [string, string];
  readonly #atOnceMax: number;
  readonly #jobs = new Map<string, J>();
  readonly #running = new Map<string, Running<Part>>();
  #count = 0;

  constructor(words: readonly [string, string], atOnceMax: number) {
    this.#words = words;
    this.#atOnceMax = atOnceMax;
  }

  all(): readonly J[] {
    return [...this.#jobs.values()];
  }

  /** Throws "not-found". */
  get(id: string): J {
    const job = this.#jobs.get(id);
    if (!job)
      throw new ApplianceError(
        "not-found",
        `There is no ${this.#words[0]} ${id}`,
        `It is of an earlier start of the server, or ended long ago: see the list of ${this.#words[1]}.`,
      );
    return job;
  }

  /** What is kept with a job while it runs; undefined when it has ended. */
  partOf(id: string): Part | undefined {
    return this.#running.get(id)?.part;
  }

  /** Those that run, each with what is kept with it. */
  running(): readonly (readonly [J, Part])[] {
    return [...this.#running].map(([id, { part }]) => [this.get(id), part]);
  }

  change(id: string, change: Partial<J>): void {
    this.#jobs.set(id, { ...this.get(id), ...change });
  }

  /** Resolves when the job has ended, well or not. */
  async ended(id: string): Promise<J> {
    await this.#running.get(id)?.end;
    return this.get(id);
  }

  /** Stops a job; nothing of it stays. Resolves when it has ended. Throws "not-found". */
  async cancel(id: string): Promise<void> {
    this.get(id);
    const running = this.#running.get(id);
    running?.abort.abort();
    await running?.end;
  }

  async cancelAll(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((id) => this.cancel(id)));
  }

  /** Throws "in-use" when there can be no further job now. */
  protected checkRoom(): void {
    if (this.#running.size < this.#atOnceMax) return;
    throw new ApplianceError(
      "in-use",
      `${this.#atOnceMax} ${this.#words[1]} run already`,
      "Wait for one to end.",
    );
  }

  /** Begins a job that there is room for; `work` says itself how it ended, and never rejects. */
  protected begin(
    make: (id: string) => J,
    partOf: (id: string) => Part,
    work: (id: string, part: Part, signal: AbortSignal) => Promise<void>,
  ): J {
    const id = String(++this.#count);
    this.#jobs.set(id, make(id));
    const running: Running<Part> = {
      abort: new AbortController(),
      part: partOf(id),
      end: Promise.resolve(),
    };
    this.#running.set(id, running);
    running.end = work(id, running.part, running.abort.signal).finally(() => this.#end(id));
    return this.get(id);
  }

  #end(id: string): void {
    this.#running.delete(id);
    const ended = this.all().filter((job) => !this.#running.has(job.id));
    for (const job of ended.slice(0, Math.max(0, ended.length - ENDED_KEPT))) this.#jobs.delete(job.id);
  }
}

/** A failure as a job keeps it: one line, safe to be shown. */
export function jobErrorOf(thrown: unknown): JobError {
  const { code, message, fix } = toApplianceError(thrown);
  return { code, message: cleanText(message), fix: fix ?? null };
}
