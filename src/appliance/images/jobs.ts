/** Imports under way, so that whoever began one can follow it: the terminal, the API, the events. */
import { basename } from "node:path";
import { cleanText, type EventLog } from "../events.ts";
import { ApplianceError } from "../errors.ts";
import { JobTable, jobErrorOf } from "../jobs/job-table.ts";
import { formatSize } from "../sizes.ts";
import type { CatalogEntry } from "../../images/catalog/entries.ts";
import { parseUrl, shownUrl } from "../../images/fetch/get.ts";
import { ImageError } from "../../images/image-error.ts";
import type { Image } from "../../images/image.ts";
import { type Checks, parseSha256 } from "../../images/import/checks.ts";
import type { ImportOptions, ImportSource, ImageLibrary } from "../../images/library.ts";
import { entryOf, offline } from "./catalog.ts";
import { type ImportFrom, type ImportJob, type ImportRequest, newJob } from "./import-job.ts";
import { Upload } from "./upload.ts";

/** Each import has a Worker and the disk to itself; more at once would only share them. */
const IMPORTS_AT_ONCE_MAX = 4;
const PROGRESS_EVENT_MS = 5_000;

/** With each import: its upload, when it is one. */
export class ImageJobs extends JobTable<ImportJob, Upload | undefined> {
  readonly #library: ImageLibrary;
  readonly #events: EventLog;

  constructor(library: ImageLibrary, events: EventLog) {
    super(["import", "imports"], IMPORTS_AT_ONCE_MAX);
    this.#library = library;
    this.#events = events;
  }

  /**
   * Begins an import. `onDone` is called when the image is in the library. An upload waits for its bytes: `upload`.
   * Throws "in-use" when too many run, "bad-request" for what can never succeed.
   */
  start(request: ImportRequest, onDone: () => void): ImportJob {
    this.checkRoom();
    const { from, name, sha256 } = request;
    const checks = sha256 === undefined ? {} : { eitherSha256: parseSha256(sha256) };
    const shown = shownSource(from);
    return this.begin(
      (id) => newJob(id, shown, name),
      (id) => (from.kind === "upload" ? new Upload(from.sizeBytes, () => void this.cancel(id)) : undefined),
      (id, upload, signal) => this.#run(id, request, checks, upload, signal, onDone),
    );
  }

  /** The waiting upload of an import. Throws "not-found", or "bad-request" for an import that is none or has ended. */
  upload(id: string): Upload {
    const job = this.get(id);
    const upload = this.partOf(id);
    if (upload) return upload;
    if (job.error) throw new ApplianceError(job.error.code, job.error.message, job.error.fix ?? undefined);
    throw new ApplianceError("bad-request", `Import ${id} takes no upload`, "Begin another one.");
  }

  /** Where the next byte of an upload goes, or null for an import that takes none. */
  uploadOffset(id: string): number | null {
    return this.partOf(id)?.receivedBytes ?? null;
  }

  async #run(
    id: string,
    request: ImportRequest,
    checks: Checks,
    upload: Upload | undefined,
    signal: AbortSignal,
    onDone: () => void,
  ): Promise<void> {
    const file = titleOf(request.from);
    this.#events.emit({ stage: "image", state: "start", detail: `Importing ${file}` });
    try {
      const image = await this.#import(id, request, checks, upload, signal);
      this.change(id, { state: "done", image: image.id, etaSeconds: 0 });
      const name = image.names[0] ?? image.id.slice(0, 12);
      const size = formatSize(image.sizeBytes);
      this.#events.emit({
        stage: "image",
        state: "ok",
        detail: this.get(id).alreadyThere
          ? `${file} is in the library already, as ${name}`
          : `${name} is in the library, ${size}`,
      });
      onDone();
    } catch (error) {
      const failure = jobErrorOf(offline(error, this.#library));
      this.change(id, { state: "failed", error: failure });
      this.#events.emit({
        stage: "image",
        state: "fail",
        detail: `${file} was not imported: ${failure.message}`,
        fix: failure.fix,
      });
    } finally {
      upload?.close();
    }
  }

  async #import(
    id: string,
    { from, name, format }: ImportRequest,
    given: Checks,
    upload: Upload | undefined,
    signal: AbortSignal,
  ): Promise<Image> {
    const common = { name, format, signal, ...this.#following(id, titleOf(from)) };
    if (from.kind !== "catalog")
      return this.#library.import(sourceOf(from, upload), { ...common, checks: given });
    this.change(id, { stage: "reading the catalog" });
    const entry = await unlessAborted(entryOf(from.entry, from.repo, this.#library, signal), signal);
    const there = this.#hasAlready(entry);
    if (there) {
      this.change(id, { alreadyThere: true });
      return name === undefined ? there : this.#library.addName(there.id, name);
    }
    return this.#library.import(
      { url: entry.url },
      {
        ...common,
        suggestedName: entry.name,
        checks: {
          ...given,
          ...(entry.imageSha256 !== null && { imageSha256: entry.imageSha256 }),
          ...(entry.sourceSha256 !== null && { sourceSha256: entry.sourceSha256 }),
        },
      },
    );
  }

  #hasAlready({ imageSha256 }: CatalogEntry): Image | undefined {
    return imageSha256 === null ? undefined : this.#library.find(imageSha256);
  }

  /** Tells the job, and now and then the events, how far it is. */
  #following(id: string, file: string): Pick<ImportOptions, "onProgress" | "onNote" | "onAlreadyThere"> {
    let saidAt = Date.now();
    const say = (detail: string): void => {
      saidAt = Date.now();
      this.#events.emit({ stage: "image", state: "progress", detail });
    };
    return {
      onProgress: ({ stage, doneBytes, totalBytes, writtenBytes, etaSeconds }) => {
        this.change(id, {
          stage,
          doneBytes,
          writtenBytes,
          totalBytes: totalBytes ?? null,
          etaSeconds: etaSeconds ?? null,
        });
        if (Date.now() - saidAt < PROGRESS_EVENT_MS) return;
        const percent = totalBytes ? `, ${Math.floor((100 * doneBytes) / totalBytes)} %` : "";
        say(`Importing ${file}: ${stage}${percent}`);
      },
      onNote: (words) => {
        this.change(id, { note: cleanText(words) });
        say(`Importing ${file}: ${words}; trying again`);
      },
      onAlreadyThere: () => this.change(id, { alreadyThere: true }),
    };
  }
}

function sourceOf(from: Exclude<ImportFrom, { kind: "catalog" }>, upload: Upload | undefined): ImportSource {
  if (from.kind === "path") return { path: from.path };
  if (from.kind === "url") return { url: from.url };
  if (!upload) throw new Error("an upload without its stream");
  return { stream: upload.stream, label: from.label, sizeBytes: from.sizeBytes };
}

/** As it is kept and shown: without a password. Throws "bad-url". */
function shownSource(from: ImportFrom): string {
  switch (from.kind) {
    case "path":
      return from.path;
    case "url":
      return shownUrl(parseUrl(from.url));
    case "upload":
      return from.label;
    case "catalog":
      return from.repo === undefined ? from.entry : `${from.entry} of ${shownUrl(parseUrl(from.repo))}`;
  }
}

function titleOf(from: ImportFrom): string {
  if (from.kind === "path") return basename(from.path);
  if (from.kind === "url") return basename(parseUrl(from.url).pathname) || shownSource(from);
  return shownSource(from);
}

/** Gives up waiting when the signal comes; what is waited for ends by itself. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(new ImageError("cancelled", "the import was cancelled"));
  signal.addEventListener("abort", abort, { once: true });
  promise.catch(() => undefined);
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
