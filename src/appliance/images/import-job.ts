/** What an import is asked to do, and what can be said of it. */
import type { FormatChoice } from "../../images/import/formats.ts";
import type { Job } from "../jobs/job-table.ts";

export type ImportFrom =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "upload"; readonly label: string; readonly sizeBytes: number | undefined }
  /** An entry of a catalog: of ours, or of the repository at an address. */
  | { readonly kind: "catalog"; readonly entry: string; readonly repo: string | undefined };

export interface ImportRequest {
  readonly from: ImportFrom;
  readonly name?: string | undefined;
  /** Of the file, or of the image in it. */
  readonly sha256?: string | undefined;
  readonly format?: FormatChoice | undefined;
}

export interface ImportJob extends Job {
  readonly source: string;
  readonly name: string | null;
  readonly stage: string;
  readonly doneBytes: number;
  readonly totalBytes: number | null;
  /** What the image takes on disk so far. */
  readonly writtenBytes: number;
  readonly etaSeconds: number | null;
  /** What went on meanwhile, in words: a connection that was made anew. */
  readonly note: string | null;
  /** Id of the image, when done. */
  readonly image: string | null;
  /** The library had the content before. */
  readonly alreadyThere: boolean;
}

export function newJob(id: string, source: string, name: string | undefined): ImportJob {
  return {
    id,
    state: "running",
    source,
    name: name ?? null,
    stage: "start",
    doneBytes: 0,
    totalBytes: null,
    writtenBytes: 0,
    etaSeconds: null,
    note: null,
    image: null,
    alreadyThere: false,
    error: null,
  };
}
