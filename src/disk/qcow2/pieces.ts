/** Cutting ranges of the guest's disk into what lies in one cluster, and small questions about subclusters. */
import type { L2Entry } from "./entries.ts";
import { CLUSTER_BYTES, guestClusterOf, SUBCLUSTER_BYTES, SUBCLUSTERS, type GuestCluster } from "./units.ts";

export interface Piece {
  readonly cluster: GuestCluster;
  /** First byte within the cluster, and how many. */
  readonly within: number;
  readonly length: number;
  /** Bytes of the range before this piece. */
  readonly done: number;
}

/** Cuts a range of the disk at cluster boundaries. */
export function* pieces(offset: number, length: number): Generator<Piece> {
  let done = 0;
  while (done < length) {
    const at = offset + done;
    const within = at % CLUSTER_BYTES;
    const size = Math.min(CLUSTER_BYTES - within, length - done);
    yield { cluster: guestClusterOf(at), within, length: size, done };
    done += size;
  }
}

export function roundDown(within: number): number {
  return within - (within % SUBCLUSTER_BYTES);
}

export function roundUp(within: number): number {
  return Math.ceil(within / SUBCLUSTER_BYTES) * SUBCLUSTER_BYTES;
}

export function isAllocated(entry: L2Entry, within: number): boolean {
  return (entry.allocated & (1 << Math.floor(within / SUBCLUSTER_BYTES))) !== 0;
}

export interface Range {
  readonly offset: number;
  readonly length: number;
}

/** The allocated subclusters of a cluster that the mask discards. */
export function* discardedParts(entry: L2Entry, mask: number): Generator<Range> {
  const gone = entry.allocated & mask;
  if (gone === 0) return;
  for (let index = 0; index < SUBCLUSTERS; index += 1) {
    if ((gone & (1 << index)) !== 0) yield { offset: index * SUBCLUSTER_BYTES, length: SUBCLUSTER_BYTES };
  }
}

/** Joins neighbours, so that a large discard is few system calls. */
export function* merged(ranges: readonly Range[]): Generator<Range> {
  let open: { offset: number; length: number } | undefined;
  for (const range of ranges) {
    if (open && open.offset + open.length === range.offset) {
      open.length += range.length;
      continue;
    }
    if (open) yield open;
    open = { ...range };
  }
  if (open) yield open;
}
