/** Runs one import in a Worker and tells how far it is. */
import { workerUrl } from "../../disk/host/worker-url.ts";
import { ImageError } from "../image-error.ts";
import type { FromWorker, ToWorker } from "./messages.ts";
import type { Unpacked } from "./unpack.ts";

export type ImportSource =
  | { readonly path: string }
  /** Standard input, or an upload; `label` says which. */
  | { readonly stream: ReadableStream<Uint8Array>; readonly label: string };

export interface ImportProgress {
  readonly stage: "unpacking";
  /** Bytes of the source that were read, and how many there are, if that is known. */
  readonly doneBytes: number;
  readonly totalBytes?: number;
  /** Bytes that the image takes on disk so far. */
  readonly writtenBytes: number;
  readonly etaSeconds?: number;
}

export interface ImportOptions {
  readonly onProgress?: (progress: ImportProgress) => void;
  readonly signal?: AbortSignal;
}

/** Before this much time has passed, a guess at the rest would be a wild one. */
const ETA_AFTER_MS = 1000;

/**
 * Unpacks a source into the new file `target`. When it throws an `ImageError` (also "cancelled"), nothing runs any more,
 * and the caller removes what is left of the file.
 */
export async function runImport(
  source: ImportSource,
  totalBytes: number | undefined,
  target: string,
  { onProgress, signal }: ImportOptions,
): Promise<Unpacked> {
  if (signal?.aborted) throw cancelled();
  const worker = new Worker(workerUrl("src/images/import/worker.ts"));
  const reader = "stream" in source ? source.stream.getReader() : undefined;
  const startedAt = performance.now();
  const { promise, resolve, reject } = Promise.withResolvers<Unpacked>();
  const cancel = (): void => reject(cancelled());
  signal?.addEventListener("abort", cancel, { once: true });

  const ended = new Promise((resolve) => {
    worker.addEventListener("close", resolve, { once: true });
  });
  worker.addEventListener("error", (event) =>
    reject(new ImageError("io", `the import failed: ${event.message}`)),
  );
  worker.addEventListener("message", (event: MessageEvent<FromWorker>) => {
    const message = event.data;
    switch (message.type) {
      case "more":
        if (reader) handOver(reader, worker).catch(reject);
        return;
      case "progress":
        onProgress?.(progressOf(message, totalBytes, performance.now() - startedAt));
        return;
      case "done":
        return resolve(message.unpacked);
      case "failed":
        return reject(new ImageError(message.code, message.message, message.fix));
    }
  });
  const order: ToWorker =
    "path" in source ? { type: "unpack-file", path: source.path, target } : { type: "unpack-stream", target };
  tell(worker, order);
  try {
    return await promise;
  } finally {
    signal?.removeEventListener("abort", cancel);
    worker.terminate();
    // Until then it might still make the file that the caller is about to remove.
    await ended;
    await reader?.cancel();
  }
}

async function handOver(reader: ReadableStreamDefaultReader<Uint8Array>, worker: Worker): Promise<void> {
  const { done, value } = await reader.read();
  const message: ToWorker = done ? { type: "end" } : { type: "chunk", bytes: value };
  tell(worker, message);
}

function tell(worker: Worker, message: ToWorker): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a Worker has no origin, a window has
  worker.postMessage(message);
}

function progressOf(
  { doneBytes, writtenBytes }: { readonly doneBytes: number; readonly writtenBytes: number },
  totalBytes: number | undefined,
  elapsedMs: number,
): ImportProgress {
  const progress: ImportProgress = { stage: "unpacking", doneBytes, writtenBytes };
  if (totalBytes === undefined) return progress;
  if (elapsedMs < ETA_AFTER_MS || doneBytes === 0) return { ...progress, totalBytes };
  const left = Math.max(0, totalBytes - doneBytes);
  return { ...progress, totalBytes, etaSeconds: Math.ceil(((left / doneBytes) * elapsedMs) / 1000) };
}

function cancelled(): ImageError {
  return new ImageError("cancelled", "the import was cancelled");
}
