/** What the thread of the sessions and the Worker of an export say to one another. */
import type { ChainLink } from "../chain.ts";
import type { CopyCounters, Exported } from "./copy.ts";

export type FileFormat = "raw" | "qcow2";

export interface Order {
  readonly type: "export";
  readonly chain: readonly ChainLink[];
  readonly target: string;
  readonly format: FileFormat;
  /** Of a raw file. */
  readonly sha256: boolean;
  /** One 32-bit word of shared memory: not 0 once the export is to end. */
  readonly cancelled: SharedArrayBuffer;
}

export type ToWorker =
  | Order
  /** The way to a thread that hashes, as an answer to "hasher". */
  | { readonly type: "hasher"; readonly port: MessagePort };

export type FromWorker =
  /** A thread is wanted that hashes. */
  | { readonly type: "hasher" }
  | ({ readonly type: "progress" } & CopyCounters)
  | { readonly type: "done"; readonly exported: Exported }
  | { readonly type: "failed"; readonly code: string; readonly message: string };
