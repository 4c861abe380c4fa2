/**
 * The Worker of one import: fetches, reads, unpacks, hashes and writes, so that no session waits for any of it.
 * It takes one order, and the library terminates it when it has said how that ended; a cancelled one closes its files first.
 */
import { lowerThreadPriority } from "../../disk/host/priority.ts";
import { cancelled } from "../image-error.ts";
import type { FromWorker, ImportOrder, ToWorker } from "./messages.ts";
import { openSource } from "./open-source.ts";
import { toImageError, unpack, type Counters } from "./unpack.ts";

declare const self: Worker;

/** Often enough for a bar that moves, seldom enough to cost nothing. */
const PROGRESS_EVERY_MS = 200;

let deliver: ((message: ToWorker) => void) | undefined;
/** Ends what waits for bytes that may never come; everything else looks at the order's flag. */
const waiting = new AbortController();
let connect: ((port: MessagePort) => void) | undefined;

self.addEventListener("message", (event: MessageEvent<ToWorker>) => {
  const message = event.data;
  switch (message.type) {
    case "import":
      void run(message.order, new Int32Array(message.cancelled));
      return;
    case "hasher":
      connect?.(message.port);
      return;
    case "cancel":
      waiting.abort();
      deliver?.({ type: "end" });
      return;
    case "chunk":
    case "end":
      deliver?.(message);
  }
});

async function run(order: ImportOrder, flag: Int32Array): Promise<void> {
  lowerThreadPriority();
  let saidAt = Number.NEGATIVE_INFINITY;
  let last: Counters | undefined;
  const onProgress = (counters: Counters): void => {
    last = counters;
    const now = performance.now();
    if (now - saidAt < PROGRESS_EVERY_MS) return;
    saidAt = now;
    say({ type: "progress", ...counters });
  };
  const goOn = (): void => {
    if (Atomics.load(flag, 0) !== 0) throw cancelled();
  };
  try {
    const source = openSource(order, {
      chunks: chunksFromLibrary(),
      onNote: (words) => say({ type: "note", words }),
      signal: waiting.signal,
    });
    const unpacked = await unpack(source, order.target, {
      format: order.format,
      checks: order.checks,
      openHasher,
      onProgress,
      goOn,
    });
    if (last) say({ type: "progress", ...last });
    say({ type: "done", unpacked });
  } catch (error) {
    const { code, message, fix } = toImageError(error);
    say({ type: "failed", code, message, fix });
  }
}

function openHasher(): Promise<MessagePort> {
  return new Promise((resolve) => {
    connect = resolve;
    say({ type: "hasher" });
  });
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
