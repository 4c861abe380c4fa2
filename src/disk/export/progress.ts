import type { CopyCounters } from "./copy.ts";

export interface ExportProgress extends CopyCounters {
  readonly etaSeconds?: number;
}

/** Before this much time has passed, a guess at the rest would be a wild one. */
const ETA_AFTER_MS = 1000;

/** Adds how long the rest will take at the pace so far. */
export function withEta(): (counters: CopyCounters) => ExportProgress {
  const startedAt = performance.now();
  return ({ doneBytes, totalBytes, writtenBytes }) => {
    const counters = { doneBytes, totalBytes, writtenBytes };
    const elapsedMs = performance.now() - startedAt;
    if (elapsedMs < ETA_AFTER_MS || doneBytes === 0) return counters;
    const etaSeconds = Math.ceil((((totalBytes - doneBytes) / doneBytes) * elapsedMs) / 1000);
    return { ...counters, etaSeconds };
  };
}
