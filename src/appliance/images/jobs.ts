/** Imports under way, so that whoever began one can follow it: the terminal, the API, the events. */
import { basename } from "node:path";
import { cleanText, type EventLog } from "../events.ts";
import { ApplianceError, type ErrorCode } from "../errors.ts";
import { toApplianceError } from "../errors-of-floors.ts";
import { formatSize } from "../sizes.ts";
import type { ImageLibrary } from "../../images/library.ts";

export interface ImportJob {
  readonly id: string;
  readonly state: "running" | "done" | "failed";
  readonly source: string;
  readonly name: string | null;
  readonly stage: string;
  readonly doneBytes: number;
  readonly totalBytes: number | null;
  readonly etaSeconds: number | null;
  /** Id of the image, when done. */
  readonly image: string | null;
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly fix: string | null } | null;
}

/** Each import has a Worker and the disk to itself; more at once would only share them. */
export const IMPORTS_AT_ONCE_MAX = 4;
/** Ended jobs are kept so that their end can be read. */
const ENDED_KEPT = 64;
const PROGRESS_EVENT_MS = 5_000;

export class ImageJobs {
  readonly #library: ImageLibrary;
  readonly #events: EventLog;
  readonly #jobs = new Map<string, ImportJob>();
  readonly #running = new Map<string, { readonly abort: AbortController; readonly end: Promise<void> }>();
  #count = 0;

  constructor(library: ImageLibrary, events: EventLog) {
    this.#library = library;
    this.#events = events;
  }

  all(): readonly ImportJob[] {
    return [...this.#jobs.values()];
  }

  /** Throws "not-found". */
  get(id: string): ImportJob {
    const job = this.#jobs.get(id);
    if (!job) throw new ApplianceError("not-found", `There is no import ${id}`);
    return job;
  }

  /** Begins to import the file at `path`. `onDone` is called when the image is in the library. */
  start(path: string, name: string | undefined, onDone: () => void): ImportJob {
    if (this.#running.size >= IMPORTS_AT_ONCE_MAX)
      throw new ApplianceError(
        "in-use",
        `${IMPORTS_AT_ONCE_MAX} imports run already`,
        "Wait for one to end.",
      );
    const id = String(++this.#count);
    const abort = new AbortController();
    this.#put({
      id,
      state: "running",
      source: path,
      name: name ?? null,
      stage: "start",
      doneBytes: 0,
      totalBytes: null,
      etaSeconds: null,
      image: null,
      error: null,
    });
    this.#running.set(id, { abort, end: this.#run(id, path, name, abort.signal, onDone) });
    return this.get(id);
  }

  /** Stops an import; nothing of it stays. Resolves when it has ended. */
  async cancel(id: string): Promise<void> {
    this.get(id);
    const running = this.#running.get(id);
    running?.abort.abort();
    await running?.end;
  }

  async cancelAll(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((id) => this.cancel(id)));
  }

  async #run(
    id: string,
    path: string,
    name: string | undefined,
    signal: AbortSignal,
    onDone: () => void,
  ): Promise<void> {
    const file = basename(path);
    let saidAt = Date.now();
    this.#events.emit({ stage: "image", state: "start", detail: `Importing ${file}` });
    try {
      const image = await this.#library.import(
        { path },
        {
          ...(name !== undefined && { name }),
          signal,
          onProgress: ({ stage, doneBytes, totalBytes, etaSeconds }) => {
            this.#change(id, {
              stage,
              doneBytes,
              totalBytes: totalBytes ?? null,
              etaSeconds: etaSeconds ?? null,
            });
            if (Date.now() - saidAt < PROGRESS_EVENT_MS) return;
            saidAt = Date.now();
            const percent = totalBytes ? `, ${Math.floor((100 * doneBytes) / totalBytes)} %` : "";
            this.#events.emit({
              stage: "image",
              state: "progress",
              detail: `Importing ${file}: ${stage}${percent}`,
            });
          },
        },
      );
      this.#change(id, { state: "done", image: image.id, etaSeconds: 0 });
      const words = `${image.names[0] ?? image.id.slice(0, 12)} is in the library, ${formatSize(image.sizeBytes)}`;
      this.#events.emit({ stage: "image", state: "ok", detail: words });
      onDone();
    } catch (error) {
      const failure = failureOf(error);
      this.#change(id, { state: "failed", error: failure });
      this.#events.emit({
        stage: "image",
        state: "fail",
        detail: `${file} was not imported: ${failure.message}`,
        fix: failure.fix,
      });
    } finally {
      this.#running.delete(id);
      this.#forgetOld();
    }
  }

  #put(job: ImportJob): void {
    this.#jobs.set(job.id, job);
  }

  #change(id: string, change: Partial<ImportJob>): void {
    this.#put({ ...this.get(id), ...change });
  }

  #forgetOld(): void {
    const ended = this.all().filter(({ id }) => !this.#running.has(id));
    for (const { id } of ended.slice(0, Math.max(0, ended.length - ENDED_KEPT))) this.#jobs.delete(id);
  }
}

function failureOf(error: unknown): NonNullable<ImportJob["error"]> {
  const { code, message, fix } = toApplianceError(error);
  return { code, message: cleanText(message), fix: fix ?? null };
}
