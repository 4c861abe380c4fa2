/** What the writer of a file and the thread that hashes it say to each other. */
import type { ContentSums } from "./file-sums.ts";

export type ToHasher =
  | { readonly type: "file"; readonly path: string }
  /** All before the offset is written. */
  | { readonly type: "reached"; readonly offset: number }
  | { readonly type: "digest"; readonly contentBytes: number; readonly sizeBytes: number }
  | { readonly type: "close" };

export type FromHasher =
  | { readonly type: "hashed"; readonly offset: number }
  | ({ readonly type: "digest" } & ContentSums)
  | { readonly type: "closed" }
  /** The file could not be read: a `DiskError` in parts. */
  | { readonly type: "failed"; readonly code: string; readonly message: string };
