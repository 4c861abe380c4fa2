/** A disk as a stream of bytes that a person downloads: made as it is read, so that nothing of it is stored first. */
import type { ChainLink } from "../../disk/chain.ts";
import { openChain } from "../../disk/chain.ts";
import { xzStream } from "../../disk/export/streams.ts";
import { ApplianceError } from "../errors.ts";
import { exportError } from "./jobs.ts";

export const DOWNLOAD_FORMATS = ["raw", "img.xz"] as const;
export type DownloadFormat = (typeof DOWNLOAD_FORMATS)[number];

/** The bytes [from, to). */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

export interface Download {
  /** What the file is called. */
  readonly name: string;
  /** Of the raw disk; a packed one's size is not known before. */
  readonly sizeBytes: number;
  /** Another content has another one. */
  readonly tag: string;
  /** The raw disk as a file of its own that never changes, where it is one: that can be sent without being looked at. */
  readonly file?: string;
  /** Begins when it is first read from, and lets go of the disk when it ends or is cancelled. */
  readonly open: (format: DownloadFormat, range: ByteRange) => ReadableStream<Uint8Array>;
}

/** One read of the disk. */
const PIECE_BYTES = 256 * 1024;

/** What `hold` gives to a download: the chain, for as long as `work` runs. */
export type HoldChain = (
  work: (
    chain: readonly ChainLink[],
    signal: AbortSignal,
    onProgress: (doneBytes: number) => void,
  ) => Promise<void>,
  onFailure: (error: unknown) => void,
) => void;

/** The stream over a chain that `hold` lends. */
export function downloadStream(
  hold: HoldChain,
  format: DownloadFormat,
  { from, to }: ByteRange,
): ReadableStream<Uint8Array> {
  let pieces: AsyncGenerator<Uint8Array> | undefined;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        pieces ??= lent(hold, format, { from, to });
        const { value, done } = await pieces.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await pieces?.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

async function* lent(hold: HoldChain, format: DownloadFormat, range: ByteRange): AsyncGenerator<Uint8Array> {
  const given = Promise.withResolvers<{
    chain: readonly ChainLink[];
    signal: AbortSignal;
    onProgress: (doneBytes: number) => void;
  }>();
  const read = Promise.withResolvers<void>();
  hold(async (chain, signal, onProgress) => {
    given.resolve({ chain, signal, onProgress });
    await read.promise;
  }, given.reject);
  try {
    const { chain, signal, onProgress } = await given.promise;
    const disk = await openChain(chain);
    try {
      if (format === "img.xz") {
        yield* xzStream(disk, { signal, onProgress: ({ doneBytes }) => onProgress(doneBytes) });
        return;
      }
      for (let at = range.from; at < range.to; at += PIECE_BYTES) {
        if (signal.aborted) throw new ApplianceError("in-use", "The download was cancelled");
        const bytes = new Uint8Array(Math.min(PIECE_BYTES, range.to - at));
        await disk.read(bytes, at);
        onProgress(at - range.from);
        yield bytes;
      }
    } finally {
      await disk.close();
    }
  } catch (error) {
    throw exportError(error, "the download");
  } finally {
    read.resolve();
  }
}
