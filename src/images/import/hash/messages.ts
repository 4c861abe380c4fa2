/** What an import and its hashing thread say to each other. */
import type { ContentSums } from "./content-hash.ts";

/** Pieces of the content wait in a ring of slots that both threads see. */
export const SLOT_BYTES = 1 << 20;
export const SLOTS = 16;
/** Zeros need no memory, yet take a slot each so many of them: whoever sends them is not far ahead of the hash. */
export const ZEROS_PER_SLOT = 16 * 2 ** 20;

export type HashStep =
  | { readonly type: "slot"; readonly slot: number; readonly length: number }
  | { readonly type: "zeros"; readonly slot: number; readonly length: number }
  | { readonly type: "digest"; readonly paddingBytes: number };

export type ToHasher = { readonly type: "ring"; readonly ring: SharedArrayBuffer } | HashStep;

export type FromHasher =
  | { readonly type: "freed"; readonly slot: number }
  | ({ readonly type: "digest" } & ContentSums);
