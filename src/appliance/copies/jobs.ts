/** Copies of whole disks under way (commit, export), so that whoever began one can follow it: terminal, API, events. */
import type { ExportProgress } from "../../disk/export/export-disk.ts";
import { ApplianceError, wordsOf } from "../errors.ts";
import { toApplianceError } from "../errors-of-floors.ts";
import type { EventLog } from "../events.ts";
import { type Job, JobTable, jobErrorOf } from "../jobs/job-table.ts";

export const COPY_KINDS = ["commit", "export"] as const;
export type CopyKind = (typeof COPY_KINDS)[number];

export interface CopyJob extends Job {
  readonly kind: CopyKind;
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
const COPIES_AT_ONCE_MAX = 4;

/** With each copy: the image that lies under it. */
export class CopyJobs extends JobTable<CopyJob, { readonly image: string }> {
  readonly #events: EventLog;

  constructor(events: EventLog) {
    super(["job", "copies"], COPIES_AT_ONCE_MAX);
    this.#events = events;
  }

  /** What is being copied from over an image, in words; empty when nothing is. */
  usersOf(image: string): string[] {
    return this.running().flatMap(([{ kind, subject }, part]) =>
      part.image === image ? [`the ${kind} of ${subject}`] : [],
    );
  }

  /** Begins a copy. Throws "in-use" when enough run already. */
  start(order: CopyOrder): CopyJob {
    const { kind, subject, image } = order;
    this.checkRoom();
    return this.begin(
      (id) => ({
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
      }),
      () => ({ image }),
      (id, _, signal) => this.#run(id, order, signal),
    );
  }

  async #run(id: string, { kind, subject, pi, work }: CopyOrder, signal: AbortSignal): Promise<void> {
    const say = (state: "start" | "ok" | "fail", detail: string, fix: string | null = null): void => {
      this.#events.emit({ pi, stage: "session", state, detail, fix });
    };
    say("start", `The ${kind} of ${subject} has begun`);
    try {
      const result = await work(signal, ({ doneBytes, totalBytes, etaSeconds }) =>
        this.change(id, { doneBytes, totalBytes, etaSeconds: etaSeconds ?? null }),
      );
      this.change(id, { ...result, state: "done", etaSeconds: 0 });
      say("ok", `The ${kind} of ${subject} is done`);
    } catch (error) {
      const failure = jobErrorOf(error);
      const said = signal.aborted ? { ...failure, message: "It was cancelled" } : failure;
      this.change(id, { state: "failed", error: said });
      say("fail", `The ${kind} of ${subject} failed: ${said.message}`, said.fix);
    }
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
