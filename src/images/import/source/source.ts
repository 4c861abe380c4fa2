/** Where the bytes of an import come from: one face for a file, a stream and an address. */
import type { HostFile } from "../../../disk/host/file.ts";
import type { Bytes } from "../content.ts";

export interface Source {
  /** Bytes of it that were read so far, each once. */
  readonly doneBytes: number;
  /** All that it has, once that is known. */
  readonly totalBytes: number | undefined;
  /** The first bytes, for its format; they come again with everything else. */
  head(bytes: number): Promise<Uint8Array>;
  /** All bytes in order. Either this or `file` is taken, once. */
  chunks(): Bytes;
  /** All bytes as a file that can be read anywhere; the source closes it. */
  file(): Promise<HostFile>;
  /** Tells of bytes of `file()` that were read. */
  count(bytes: number): void;
  /** sha256 of all bytes, when everything was read. Streams must have been asked before with `hashed`. */
  sha256(): Promise<string>;
  close(): Promise<void>;
}
