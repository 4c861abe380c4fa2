/** Copies of whole disks under way (commit, export), so that whoever began one can follow it: terminal, API, events. */
import type { ExportProgress } from "../../disk/export/export-disk.ts";
import { ApplianceError, type ErrorCode, wordsOf } from "../errors.ts";
import { toApplianceError } from "../errors-of-floors.ts";
import { cleanText, type EventLog } from "../events.ts";

export const COPY_KINDS = ["commit", "export"] as const;
export type CopyKind = (typeof COPY_KINDS)[number];

export interface CopyJob {
  readonly id: string;
  readonly kind: CopyKind;
  readonly state: "running" | "done" | "failed";
  /** What is copied, in words. */
  readonly subject: string;
  readonly doneBytes: number;
  readonly totalBytes: number | null;
  readonly etaSeconds: number | null;
  /** Id of the image that a commit made. */
  readonly image: string | null;
  /** File that an export made. */
  readonly path: string | null;
  /** Bytes of content that were written, when done. */
  readonly writtenBytes: number | null;
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly fix: string | null } | null;
}

export type CopyResult = Pick<CopyJob, "image" | "path" | "writtenBytes">;

export interface CopyOrder {
  readonly kind: CopyKind;
  readonly subject: string;
  /** Id of the image that lies under what is copied, which must not be removed meanwhile. */
  readonly image: string;
  readonly pi: string | null;
  readonly work: (signal: AbortSignal, onProgress: (progress: ExportProgress) => void) => Promise<CopyResult>;
}

/** Each copy has a Worker and the disk to itself; more at once would only share them. */
export const COPIES_AT_ONCE_MAX = 4;
/** Ended jobs are kept so that their end can be read. */
const ENDED_KEPT = 64;

interface Running {
  readonly abort: AbortController;
  readonly image: string;
  end: Promise<void>;
}

export class CopyJobs {
  readonly #events: EventLog;
  readonly #jobs = new Map<string, CopyJob>();
  readonly #running = new Map<string, Running>();
  #count = 0;

  constructor(events: EventLog) {
    this.#events = events;
  }

  all(): readonly CopyJob[] {
    return [...this.#jobs.values()];
  }

  /** Throws "not-found". */
  get(id: string): CopyJob {
    const job = this.#jobs.get(id);
    if (!job) throw new ApplianceError("not-found", `There is no job ${id}`);
    return job;
  }

  /** What is being copied from over an image, in words; empty when nothing is. */
  usersOf(image: string): string[] {
    return [...this.#running].flatMap(([id, running]) =>
      running.image === image ? [`the ${this.get(id).kind} of ${this.get(id).subject}`] : [],
    );
  }

  /** Begins a copy. Throws "in-use" when enough run already. */
  start({ kind, subject, image, pi, work }: CopyOrder): CopyJob {
    if (this.#running.size >= COPIES_AT_ONCE_MAX)
      throw new ApplianceError("in-use", `${COPIES_AT_ONCE_MAX} copies run already`, "Wait for one to end.");
    const id = String(++this.#count);
    this.#jobs.set(id, {
      id,
      kind,
      state: "running",
      subject,
      doneBytes: 0,
      totalBytes: null,
      etaSeconds: null,
      image: null,
      path: null,
      writtenBytes: null,
      error: null,
    });
    const running: Running = { abort: new AbortController(), image, end: Promise.resolve() };
    this.#running.set(id, running);
    running.end = this.#run(id, { kind, subject, image, pi, work }, running.abort.signal);
    return this.get(id);
  }

  /** Stops a copy; nothing of it stays. Resolves when it has ended. */
  async cancel(id: string): Promise<void> {
    this.get(id);
    const running = this.#running.get(id);
    running?.abort.abort();
    await running?.end;
  }

  async cancelAll(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((id) => this.cancel(id)));
  }

  async #run(id: string, { kind, subject, pi, work }: CopyOrder, signal: AbortSignal): Promise<void> {
    const say = (state: "start" | "ok" | "fail", detail: string, fix: string | null = null): void => {
      this.#events.emit({ pi, stage: "session", state, detail, fix });
    };
    say("start", `The ${kind} of ${subject} has begun`);
    try {
      const result = await work(signal, ({ doneBytes, totalBytes, etaSeconds }) =>
        this.#change(id, { doneBytes, totalBytes, etaSeconds: etaSeconds ?? null }),
      );
      this.#change(id, { ...result, state: "done", etaSeconds: 0 });
      say("ok", `The ${kind} of ${subject} is done`);
    } catch (error) {
      const { code, message, fix } = toApplianceError(error);
      const failure = {
        code,
        message: cleanText(signal.aborted ? "It was cancelled" : message),
        fix: fix ?? null,
      };
      this.#change(id, { state: "failed", error: failure });
      say("fail", `The ${kind} of ${subject} failed: ${failure.message}`, failure.fix);
    } finally {
      this.#running.delete(id);
      const ended = this.all().filter((job) => !this.#running.has(job.id));
      for (const job of ended.slice(0, Math.max(0, ended.length - ENDED_KEPT))) this.#jobs.delete(job.id);
    }
  }

  #change(id: string, change: Partial<CopyJob>): void {
    this.#jobs.set(id, { ...this.get(id), ...change });
  }
}

/** An error of writing the file of an export, as a person is told of it. */
export function exportError(error: unknown, path: string): ApplianceError {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const cause = { cause: error };
  switch (code) {
    case "EEXIST":
      return new ApplianceError(
        "already-exists",
        `${path} is there already`,
        "Choose another name, or --force.",
        cause,
      );
    case "ENOSPC":
    case "EDQUOT":
      return new ApplianceError("no-space", `There is no room for ${path}`, "Make room there.", cause);
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new ApplianceError(
        "not-permitted",
        `${path} cannot be written`,
        "Choose another folder.",
        cause,
      );
    case "ENOENT":
    case "ENOTDIR":
      return new ApplianceError(
        "bad-request",
        wordsOf(error),
        "The folder must be there; img.xz needs xz.",
        cause,
      );
    default:
      return toApplianceError(error);
  }
}
