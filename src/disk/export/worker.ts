/** The Worker of one export. It takes one order, says how it goes, and is then terminated by whoever gave it. */
import { openChain } from "../chain.ts";
import { DiskError, errnoOf } from "../disk-error.ts";
import { FollowingHash } from "../hash/following-hash.ts";
import { openHostFile } from "../host/file.ts";
import { copyDisk, type CopyCounters, type Exported } from "./copy.ts";
import type { FromWorker, Order, ToWorker } from "./messages.ts";
import { Qcow2Writer } from "./qcow2-writer.ts";
import { RawWriter } from "./raw-writer.ts";

declare const self: Worker;

/** Often enough for a bar that moves, seldom enough to cost nothing. */
const PROGRESS_EVERY_MS = 200;

let connect: ((port: MessagePort) => void) | undefined;

self.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  if (data.type === "export") void run(data);
  else connect?.(data.port);
});

function openHasher(): Promise<MessagePort> {
  return new Promise((resolve) => {
    connect = resolve;
    say({ type: "hasher" });
  });
}

async function run(order: Order): Promise<void> {
  try {
    say({ type: "done", exported: await carryOut(order) });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    say({ type: "failed", code: errnoOf(error), message });
  }
}

async function carryOut({ chain, target, format, sha256, cancelled }: Order): Promise<Exported> {
  const flag = new Int32Array(cancelled);
  const disk = await openChain(chain);
  try {
    const file = openHostFile(target, "replace");
    const hash = sha256 ? new FollowingHash(target, openHasher) : undefined;
    try {
      const Writer = { raw: RawWriter, qcow2: Qcow2Writer }[format];
      const progress = paced(PROGRESS_EVERY_MS);
      const step = (counters: CopyCounters): void => {
        if (Atomics.load(flag, 0) !== 0) throw new DiskError("ECANCELED", "the export was cancelled");
        progress(counters);
      };
      return await copyDisk(disk, file, new Writer(file, disk.sizeBytes), { hash, step });
    } finally {
      await hash?.close();
      file.close();
    }
  } finally {
    await disk.close();
  }
}

/** Says the first counters, the last ones, and in between some. */
function paced(everyMs: number): (counters: CopyCounters) => void {
  let saidAt = Number.NEGATIVE_INFINITY;
  return (counters) => {
    const now = performance.now();
    if (now - saidAt < everyMs && counters.doneBytes < counters.totalBytes) return;
    saidAt = now;
    say({ type: "progress", ...counters });
  };
}

function say(message: FromWorker): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a Worker has no origin, a window has
  self.postMessage(message);
}
