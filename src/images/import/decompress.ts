/** Streams a compressed file's content. Every way in which it can be damaged, cut off or followed by more is an error. */
import { once } from "node:events";
import type { Transform } from "node:stream";
import * as zlib from "node:zlib";
import { XzReadableStream } from "xz-decompress";
import { ImageError } from "../image-error.ts";
import { bunzip2 } from "./bzip2/bunzip2.ts";
import { Bzip2Error } from "./bzip2/huffman.ts";
import type { Bytes } from "./content.ts";
import { ZstdFrameError, ZstdFrames } from "./zstd-frames.ts";

/** The formats that are one compressed file, read from its start to its end. */
export type StreamFormat = "gzip" | "xz" | "zstd" | "bzip2" | "deflate";

/** Bytes of output that a decoder hands over at once. */
const OUTPUT_CHUNK_BYTES = 1 << 20;
/**
 * Largest window of a zstd file, as a power of two: 128 MiB of memory, what `zstd` itself takes without being asked.
 * (For xz the decoder's own limit is 64 MiB, the dictionary of `xz -9`.)
 */
const ZSTD_WINDOW_LOG_MAX = 27;

/** The content of a file of that format. Throws "bad-archive" with the reason, while being read. */
export function decompress(format: StreamFormat, source: Bytes): Bytes {
  switch (format) {
    case "gzip":
      return inflate(zlib.createGunzip({ chunkSize: OUTPUT_CHUNK_BYTES }), source, "gzip");
    case "deflate":
      return inflate(zlib.createInflateRaw({ chunkSize: OUTPUT_CHUNK_BYTES }), source, "zip");
    case "zstd":
      return unzstd(source);
    case "xz":
      return unxz(source);
    case "bzip2":
      return unbzip2(source);
  }
}

async function* inflate(
  decoder: zlib.Gunzip | zlib.InflateRaw,
  source: Bytes,
  archive: string,
): AsyncGenerator<Uint8Array> {
  let total = 0;
  const counted = watch(source, (chunk) => {
    total += chunk.byteLength;
  });
  yield* through(decoder, counted, archive);
  // Members that follow one another are one file; the decoder stops in silence at anything else.
  if (decoder.bytesWritten < total) throw badArchive(archive, "there is something else behind its end");
}

async function* unbzip2(source: Bytes): AsyncGenerator<Uint8Array> {
  try {
    yield* bunzip2(source, OUTPUT_CHUNK_BYTES);
  } catch (error) {
    if (error instanceof Bzip2Error) throw badArchive("bzip2", error.message, error);
    throw error;
  }
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

/** Of these, those that say nothing against the file: the program `xz` can do more. */
const XZ_LIMITS: ReadonlySet<string> = new Set(["3", "4", "6"]);
const XZ_OTHERWISE = "Unpack it by the program xz: xz -dc FILE | pinetboot image import -";

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
    const reason = XZ_REASONS[code ?? ""] ?? "it cannot be unpacked";
    throw badArchive("xz", reason, error, XZ_LIMITS.has(code ?? "") ? XZ_OTHERWISE : undefined);
  }
}

/** Feeds a node:zlib decoder and gives what comes out; errors of the source pass unchanged. */
async function* through(decoder: Transform, source: Bytes, archive: string): AsyncGenerator<Uint8Array> {
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
    throw badArchive(archive, reasonOf(error), error);
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

/** The error of an archive that cannot be unpacked, with what to do about it. */
export function badArchive(
  archive: string,
  reason: string,
  cause?: unknown,
  fix = "Fetch the file again.",
): ImageError {
  return new ImageError("bad-archive", `the ${archive} archive cannot be unpacked: ${reason}`, fix, {
    cause,
  });
}
