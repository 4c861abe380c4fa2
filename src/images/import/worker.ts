/**
 * The Worker of one import: reads, unpacks, hashes and writes, so that no session waits for any of it.
 * It takes one order and ends when the library terminates it, which is also how an import is cancelled.
 */
import * as fs from "node:fs/promises";
import type { Bytes } from "./decompress.ts";
import type { FromWorker, ToWorker } from "./messages.ts";
import { toImageError, unpack, type Counters } from "./unpack.ts";

declare const self: Worker;

const READ_BYTES = 1 << 20;
/** Often enough for a bar that moves, seldom enough to cost nothing. */
const PROGRESS_EVERY_MS = 200;

let deliver: ((message: ToWorker) => void) | undefined;

self.addEventListener("message", (event: MessageEvent<ToWorker>) => {
  const message = event.data;
  switch (message.type) {
    case "unpack-file":
      void run(chunksOfFile(message.path), message.target);
      return;
    case "unpack-stream":
      void run(chunksFromLibrary(), message.target);
      return;
    case "chunk":
    case "end":
      deliver?.(message);
  }
});

async function run(source: Bytes, target: string): Promise<void> {
  let saidAt = Number.NEGATIVE_INFINITY;
  let last: Counters = { doneBytes: 0, writtenBytes: 0 };
  const onProgress = (counters: Counters): void => {
    last = counters;
    const now = performance.now();
    if (now - saidAt < PROGRESS_EVERY_MS) return;
    saidAt = now;
    say({ type: "progress", ...counters });
  };
  try {
    const unpacked = await unpack(source, target, onProgress);
    say({ type: "progress", ...last });
    say({ type: "done", unpacked });
  } catch (error) {
    const { code, message, fix } = toImageError(error);
    say({ type: "failed", code, message, fix });
  }
}

async function* chunksOfFile(path: string): AsyncGenerator<Uint8Array> {
  const file = await fs.open(path, "r");
  try {
    while (true) {
      const chunk = new Uint8Array(READ_BYTES);
      const { bytesRead } = await file.read(chunk, 0, READ_BYTES);
      if (bytesRead === 0) return;
      yield chunk.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function* chunksFromLibrary(): AsyncGenerator<Uint8Array> {
  while (true) {
    const answer = new Promise<ToWorker>((resolve) => {
      deliver = resolve;
    });
    say({ type: "more" });
    const message = await answer;
    if (message.type !== "chunk") return;
    yield message.bytes;
  }
}

function say(message: FromWorker): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a Worker has no origin, a window has
  self.postMessage(message);
}
