/** Telling zeros from data, a page at a time: what is all zeros becomes a hole. */

/** A page of the host, and of its file systems. */
export const PAGE_BYTES = 4096;
const ZEROS = Buffer.alloc(PAGE_BYTES);

export interface DataRun {
  readonly start: number;
  readonly end: number;
}

/** The parts of `bytes` that are not whole pages of zeros, in order, widened to pages. */
export function* dataRuns(bytes: Buffer): Generator<DataRun> {
  let start = -1;
  for (let at = 0; at < bytes.byteLength; at += PAGE_BYTES) {
    const end = Math.min(at + PAGE_BYTES, bytes.byteLength);
    // The first word tells mostly, without a call.
    const isZero = bytes[at] === 0 && bytes.compare(ZEROS, 0, end - at, at, end) === 0;
    if (!isZero && start < 0) start = at;
    if (!isZero || start < 0) continue;
    yield { start, end: at };
    start = -1;
  }
  if (start >= 0) yield { start, end: bytes.byteLength };
}
