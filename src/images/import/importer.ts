/** Runs one import in a Worker and tells how far it is. */
import { startHasher, type Hasher } from "../../disk/hash/start-hasher.ts";
import { workerUrl } from "../../disk/host/worker-url.ts";
import { cancelled, ImageError } from "../image-error.ts";
import { EtaMeter } from "./eta-meter.ts";
import type { FromWorker, ImportOrder, ToWorker } from "./messages.ts";
import type { Unpacked } from "./unpack.ts";

export interface ImportProgress {
  /** What takes the time: fetching (and unpacking on the way), or unpacking alone. */
  readonly stage: "fetching" | "receiving" | "unpacking";
  /** Bytes of the source that were read, and how many there are, if that is known. */
  readonly doneBytes: number;
  readonly totalBytes?: number;
  /** Bytes that the image takes on disk so far. */
  readonly writtenBytes: number;
  readonly etaSeconds?: number;
}

export interface RunOptions {
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined;
  /** Told of what goes on and does not end the import. */
  readonly onNote?: ((words: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A Worker that is cancelled ends within a piece of its work; one that a slow disk holds longer is ended from outside. */
const CANCEL_GRACE_MS = 10_000;

const STAGES = { file: "unpacking", stream: "receiving", url: "fetching" } as const;

/**
 * Carries out the order; `stream` has the bytes when they come from this thread. When it throws an `ImageError`
 * (also "cancelled"), nothing runs any more, and the caller removes what is left of the files.
 */
export async function runImport(
  order: ImportOrder,
  stream: ReadableStream<Uint8Array> | undefined,
  { onProgress, onNote, signal }: RunOptions,
): Promise<Unpacked> {
  if (signal?.aborted) throw cancelled();
  const worker = new Worker(workerUrl("src/images/import/worker.ts"));
  const reader = stream?.getReader();
  const meter = new EtaMeter();
  let hasher: Hasher | undefined;
  const { promise, resolve, reject } = Promise.withResolvers<Unpacked>();
  const flag = new SharedArrayBuffer(4);
  let grace: ReturnType<typeof setTimeout> | undefined;
  const cancel = (): void => {
    // The Worker ends by itself and closes its files, which a terminated one leaves open in this process.
    Atomics.store(new Int32Array(flag), 0, 1);
    tell(worker, { type: "cancel" });
    grace = setTimeout(() => reject(cancelled()), CANCEL_GRACE_MS);
  };
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
      case "hasher":
        hasher = startHasher((words) => reject(new ImageError("io", `the import failed: ${words}`)));
        worker.postMessage({ type: "hasher", port: hasher.port } satisfies ToWorker, [hasher.port]);
        return;
      case "progress": {
        const { doneBytes, totalBytes, writtenBytes } = message;
        const etaSeconds = meter.eta(doneBytes, totalBytes, performance.now());
        onProgress?.({
          stage: STAGES[order.source.kind],
          doneBytes,
          writtenBytes,
          ...(totalBytes !== undefined && { totalBytes }),
          ...(etaSeconds !== undefined && { etaSeconds }),
        });
        return;
      }
      case "note":
        onNote?.(message.words);
        return;
      case "done":
        return resolve(message.unpacked);
      case "failed":
        return reject(
          signal?.aborted ? cancelled() : new ImageError(message.code, message.message, message.fix),
        );
    }
  });
  tell(worker, { type: "import", order, cancelled: flag });
  try {
    const unpacked = await promise;
    if (signal?.aborted) throw cancelled();
    return unpacked;
  } finally {
    signal?.removeEventListener("abort", cancel);
    clearTimeout(grace);
    worker.terminate();
    hasher?.worker.terminate();
    // Until then it might still make the file that the caller is about to remove.
    await ended;
    await reader?.cancel();
  }
}

async function handOver(reader: ReadableStreamDefaultReader<Uint8Array>, worker: Worker): Promise<void> {
  const { done, value } = await reader.read();
  if (done) return tell(worker, { type: "end" });
  const message: ToWorker = { type: "chunk", bytes: value };
  // Handed over rather than copied, so that neither thread has garbage to collect.
  const whole = value.buffer instanceof ArrayBuffer && value.byteLength === value.buffer.byteLength;
  worker.postMessage(message, whole ? [value.buffer] : []);
}

function tell(worker: Worker, message: ToWorker): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a Worker has no origin, a window has
  worker.postMessage(message);
}
