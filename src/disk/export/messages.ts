/** What the thread of the sessions and the Worker of an export say to one another. */
import type { ChainLink } from "../chain.ts";
import type { CopyCounters, Exported } from "./copy.ts";

export type FileFormat = "raw" | "qcow2";

export interface Order {
  readonly chain: readonly ChainLink[];
  readonly target: string;
  readonly format: FileFormat;
  readonly sha256: boolean;
  /** One 32-bit word of shared memory: not 0 once the export is to end. */
  readonly cancelled: SharedArrayBuffer;
}

export type FromWorker =
  | ({ readonly type: "progress" } & CopyCounters)
  | { readonly type: "done"; readonly exported: Exported }
  | { readonly type: "failed"; readonly code: string; readonly message: string };
