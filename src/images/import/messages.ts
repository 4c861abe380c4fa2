/** What the library and the import's Worker say to each other. */
import type { ImageErrorCode } from "../image-error.ts";
import type { Counters, Unpacked } from "./unpack.ts";

export type ToWorker =
  | { readonly type: "unpack-file"; readonly path: string; readonly target: string }
  /** The source comes as chunks, one for each "more". */
  | { readonly type: "unpack-stream"; readonly target: string }
  | { readonly type: "chunk"; readonly bytes: Uint8Array }
  | { readonly type: "end" };

export type FromWorker =
  | { readonly type: "more" }
  | ({ readonly type: "progress" } & Counters)
  | { readonly type: "done"; readonly unpacked: Unpacked }
  | {
      readonly type: "failed";
      readonly code: ImageErrorCode;
      readonly message: string;
      readonly fix: string | undefined;
    };
