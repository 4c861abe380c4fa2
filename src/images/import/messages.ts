/** What the library and the import's Worker say to each other. */
import type { FetchLimits } from "../fetch/limits.ts";
import type { ImageErrorCode } from "../image-error.ts";
import type { Checks } from "./checks.ts";
import type { FormatChoice } from "./formats.ts";
import type { Counters, Unpacked } from "./unpack.ts";

export type WorkerSource =
  | { readonly kind: "file"; readonly path: string }
  /** Comes as chunks, one for each "more". */
  | { readonly kind: "stream"; readonly totalBytes: number | undefined }
  | {
      readonly kind: "url";
      readonly url: string;
      readonly partsFolder: string;
      readonly limits: FetchLimits;
    };

export interface ImportOrder {
  readonly source: WorkerSource;
  /** The new file for the image. */
  readonly target: string;
  /** A new file for bytes that must be read anywhere and come in order. */
  readonly spool: string;
  readonly format: FormatChoice;
  readonly checks: Checks;
}

export type ToWorker =
  /** `cancelled` is a 32-bit word of shared memory: not 0 once the import is to end. */
  | { readonly type: "import"; readonly order: ImportOrder; readonly cancelled: SharedArrayBuffer }
  /** For an import that waits: for bytes, or for a server. */
  | { readonly type: "cancel" }
  /** The way to a thread that hashes, as an answer to "hasher". */
  | { readonly type: "hasher"; readonly port: MessagePort }
  | { readonly type: "chunk"; readonly bytes: Uint8Array }
  | { readonly type: "end" };

export type FromWorker =
  | { readonly type: "more" }
  /** A thread is wanted that hashes. */
  | { readonly type: "hasher" }
  | ({ readonly type: "progress" } & Counters)
  /** Something that does not end the import, in words: a connection that is made anew. */
  | { readonly type: "note"; readonly words: string }
  | { readonly type: "done"; readonly unpacked: Unpacked }
  | {
      readonly type: "failed";
      readonly code: ImageErrorCode;
      readonly message: string;
      readonly fix: string | undefined;
    };
