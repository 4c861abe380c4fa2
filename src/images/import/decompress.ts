/** Streams a compressed file's content. Every way in which it can be damaged, cut off or followed by more is an error. */
import { once } from "node:events";
import type { Transform } from "node:stream";
import * as zlib from "node:zlib";
import { XzReadableStream } from "xz-decompress";
import { ImageError } from "../image-error.ts";
import type { FormatName } from "./formats.ts";
import { ZstdFrameError, ZstdFrames } from "./zstd-frames.ts";

/** Chunks belong to whoever takes them: the source does not use a buffer again. */
export type Bytes = AsyncIterable<Uint8Array>;

/** Bytes of output that a decoder hands over at once. */
const OUTPUT_CHUNK_BYTES = 1 << 20;
/**
 * Largest window of a zstd file, as a power of two: 128 MiB of memory, what `zstd` itself takes without being asked.
 * (For xz the decoder's own limit is 64 MiB, the dictionary of `xz -9`.)
 */
const ZSTD_WINDOW_LOG_MAX = 27;

/** The content of a file of that format. Throws "bad-archive" with the reason, while being read. */
export function decompress(format: FormatName, source: Bytes): Bytes {
  switch (format) {
    case "raw":
      return source;
    case "gzip":
      return gunzip(source);
    case "zstd":
      return unzstd(source);
    case "xz":
      return unxz(source);
  }
}

async function* gunzip(source: Bytes): AsyncGenerator<Uint8Array> {
  const decoder = zlib.createGunzip({ chunkSize: OUTPUT_CHUNK_BYTES });
  let total = 0;
  const counted = watch(source, (chunk) => {
    total += chunk.byteLength;
  });
  yield* through(decoder, counted, "gzip");
  // Members that follow one another are one file; the decoder stops in silence at anything else.
  if (decoder.bytesWritten < total) throw badArchive("gzip", "there is something else behind its end");
}

async function* unzstd(source: Bytes): AsyncGenerator<Uint8Array> {
  const decoder = zlib.createZstdDecompress({
    chunkSize: OUTPUT_CHUNK_BYTES,
    params: { [zlib.constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX },
  });
  const frames = new ZstdFrames();
  try {
    yield* through(
      decoder,
      watch(source, (chunk) => frames.push(chunk)),
      "zstd",
    );
    frames.end();
  } catch (error) {
    if (error instanceof ZstdFrameError) throw badArchive("zstd", error.message, error);
    throw error;
  }
}

/** Results of XZ Embedded (its `enum xz_ret`), as the wrapper's messages number them. */
const XZ_REASONS: Record<string, string> = {
  "3": "it needs more memory than there is",
  "4": "its dictionary is larger than 64 MiB",
  "5": "there is something else behind its end",
  "6": "it was made with options that are not understood (a filter, or a check other than CRC)",
  "7": "it is damaged",
  "8": "it ends in the middle, or is damaged: was the file cut off?",
};

async function* unxz(source: Bytes): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let sourceError: unknown;
  const input = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const next = await iterator.next();
        if (next.done) controller.close();
        else controller.enqueue(next.value);
      } catch (error) {
        sourceError = error;
        controller.error(error);
      }
    },
  });
  const reader = new XzReadableStream(input).getReader();
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) return;
      if (value.byteLength > 0) yield value;
    }
  } catch (error) {
    if (sourceError !== undefined) throw sourceError;
    const code = error instanceof Error ? /error code (\d+)/.exec(error.message)?.[1] : undefined;
    throw badArchive("xz", XZ_REASONS[code ?? ""] ?? "it cannot be unpacked", error);
  }
}

/** Feeds a node:zlib decoder and gives what comes out; errors of the source pass unchanged. */
async function* through(decoder: Transform, source: Bytes, format: FormatName): AsyncGenerator<Uint8Array> {
  let sourceError: unknown;
  const feed = async (): Promise<void> => {
    for await (const chunk of source) {
      if (!decoder.write(chunk)) await once(decoder, "drain");
    }
    decoder.end();
  };
  const feeding = feed().catch((error: unknown) => {
    sourceError = error;
    decoder.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  try {
    const output: AsyncIterable<Uint8Array> = decoder;
    for await (const chunk of output) yield chunk;
    await feeding;
  } catch (error) {
    // The feed's `once` is rejected with the decoder's own error as well: that one is the decoder's.
    if (sourceError !== undefined && sourceError !== error) throw sourceError;
    if (error instanceof ZstdFrameError || error instanceof ImageError) throw error;
    throw badArchive(format, reasonOf(error), error);
  } finally {
    decoder.destroy();
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "Z_BUF_ERROR") return "it ends in the middle: the file was cut off";
  if (code.endsWith("windowTooLarge"))
    return `its window is larger than ${2 ** (ZSTD_WINDOW_LOG_MAX - 20)} MiB`;
  if (code === "Z_DATA_ERROR" || code.startsWith("ZSTD"))
    return "it is damaged, or followed by something else";
  return error instanceof Error ? error.message : String(error);
}

async function* watch(source: Bytes, see: (chunk: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    see(chunk);
    yield chunk;
  }
}

function badArchive(format: FormatName, reason: string, cause?: unknown): ImageError {
  return new ImageError(
    "bad-archive",
    `the ${format} archive cannot be unpacked: ${reason}`,
    "Fetch the file again.",
    {
      cause,
    },
  );
}
