/** Writes the disk of a chain to one file that needs no other: raw, qcow2, or raw packed by xz. */
import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { openChain, type ChainLink } from "../chain.ts";
import { DiskError, errnoOf } from "../disk-error.ts";
import { startHasher, type Hasher } from "../hash/start-hasher.ts";
import { openHostFile, syncDirectory } from "../host/file.ts";
import { workerUrl } from "../host/worker-url.ts";
import type { Exported } from "./copy.ts";
import type { FileFormat, FromWorker, ToWorker } from "./messages.ts";
import { withEta, type ExportProgress } from "./progress.ts";
import { xzStream } from "./streams.ts";

export type { Exported } from "./copy.ts";
export type { ExportProgress } from "./progress.ts";
export type ExportFormat = FileFormat | "img.xz";

export interface ExportOptions {
  /** The files of the disk, base first; all closed properly (`mendChain`), and none written while the export runs. */
  readonly chain: readonly ChainLink[];
  readonly target: string;
  readonly format: ExportFormat;
  /** Replace a file that is there, once the new one is whole and durable; else it is refused with "EEXIST". */
  readonly replace?: boolean;
  /** Tell the SHA-256 of the disk's content, zeros and all. It is computed for "raw". */
  readonly sha256?: boolean;
  readonly onProgress?: (progress: ExportProgress) => void;
  readonly signal?: AbortSignal;
}

/** What an export is called until it is whole: all that a crash leaves behind. */
export function unfinishedPath(target: string): string {
  return `${target}.unfinished`;
}

/**
 * Resolves when `target` is there, whole and on stable storage. Reading, packing and writing happen in a Worker or a
 * child process. Throws a `DiskError` ("ECANCELED" after the signal, "EEXIST", "ENOENT" with the fix when xz is not
 * installed, ...); nothing is left behind then, and an earlier `target` is as it was.
 */
export async function exportDisk(options: ExportOptions): Promise<Exported> {
  const { target, format, signal, replace = false } = options;
  const unfinished = unfinishedPath(target);
  const goOn = (): void => {
    if (signal?.aborted) throw new DiskError("ECANCELED", "the export was cancelled");
    if (!replace && existsSync(target))
      throw new DiskError("EEXIST", `${target}: there is such a file already`);
  };
  goOn();
  try {
    const exported = await (format === "img.xz"
      ? pack(options, unfinished)
      : runWorker(options, format, unfinished));
    goOn();
    await rename(unfinished, target);
    await syncDirectory(dirname(target));
    return exported;
  } catch (error) {
    await rm(unfinished, { force: true });
    if (error instanceof DiskError) throw error;
    const words = error instanceof Error ? error.message : String(error);
    throw new DiskError(errnoOf(error), `${target}: ${words}`, { cause: error });
  }
}

async function runWorker(
  { chain, signal, onProgress, sha256 = false }: ExportOptions,
  format: FileFormat,
  target: string,
): Promise<Exported> {
  const worker = new Worker(workerUrl("src/disk/export/worker.ts"));
  const { promise, resolve, reject } = Promise.withResolvers<Exported>();
  const ended = new Promise((done) => worker.addEventListener("close", done, { once: true }));
  const cancelled = new SharedArrayBuffer(4);
  const cancel = (): void => void Atomics.store(new Int32Array(cancelled), 0, 1);
  const eta = withEta();
  let hasher: Hasher | undefined;
  signal?.addEventListener("abort", cancel, { once: true });
  worker.addEventListener("error", (event) =>
    reject(new DiskError("EIO", `the export failed: ${event.message}`)),
  );
  worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => {
    switch (data.type) {
      case "hasher":
        hasher = startHasher((words) => reject(new DiskError("EIO", `the export failed: ${words}`)));
        worker.postMessage({ type: "hasher", port: hasher.port } satisfies ToWorker, [hasher.port]);
        return;
      case "done":
        return resolve(data.exported);
      case "failed":
        return reject(new DiskError(data.code, data.message));
      case "progress":
        onProgress?.(eta(data));
    }
  });
  const sum = sha256 && format === "raw";
  const order: ToWorker = { type: "export", chain, target, format, sha256: sum, cancelled };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a Worker has no origin, a window has
  worker.postMessage(order);
  try {
    return await promise;
  } finally {
    signal?.removeEventListener("abort", cancel);
    worker.terminate();
    hasher?.worker.terminate();
    // Until then it might still make the file that the caller is about to remove.
    await ended;
  }
}

async function pack({ chain, signal, onProgress }: ExportOptions, target: string): Promise<Exported> {
  const disk = await openChain(chain);
  try {
    const file = openHostFile(target, "replace");
    try {
      let offset = 0;
      for await (const bytes of xzStream(disk, { signal, onProgress })) {
        file.write(bytes, offset);
        offset += bytes.byteLength;
      }
      await file.sync();
      return { sizeBytes: disk.sizeBytes, writtenBytes: offset };
    } finally {
      file.close();
    }
  } finally {
    await disk.close();
  }
}
