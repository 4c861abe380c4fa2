/**
 * The quota of a session: what its overlays and layers may take on the host's disk. A write that needs more is refused
 * with EDQUOT, which an initiator gets as SPACE ALLOCATION FAILED; what is there stays as it is and can be read,
 * overwritten in place and trimmed. As soon as there is room again (more quota, or a TRIM) writes go on.
 */
import { DiskError } from "../../disk/disk-error.ts";
import type { Layer } from "../../disk/layer.ts";

/** A write that does not fit the quota. */
export class QuotaExceeded extends DiskError {
  override readonly name = "QuotaExceeded";

  constructor(quotaBytes: number) {
    super("EDQUOT", `the session's quota of ${quotaBytes} bytes is used up`);
  }
}

/** Parts of the quota from which on a person is told, before anything is refused. */
export const QUOTA_WARNINGS = [0.8, 0.95] as const;
/** A write is given out of what was measured until this much was given: then it is measured anew. */
const MEASURE_EVERY_BYTES = 64 * 2 ** 20;
/** A write may begin and end within a piece of 4 KiB of the overlay, which it fills up. */
const EDGES_BYTES = 2 * 4096;

export type QuotaLevel = 0 | (typeof QUOTA_WARNINGS)[number] | 1;

export class SpaceBudget {
  #quotaBytes: number | null;
  readonly #measure: () => number;
  readonly #onLevel: (level: QuotaLevel, usedBytes: number) => void;
  /** What may still be given without measuring. Only for a quota. */
  #given = 0;
  #level: QuotaLevel = 0;

  /**
   * @param measure what the session takes now, in bytes
   * @param onLevel told when the use passes a warning or the quota, and when it has come back below
   */
  constructor(
    quotaBytes: number | null,
    measure: () => number,
    onLevel: (level: QuotaLevel, usedBytes: number) => void,
  ) {
    this.#quotaBytes = quotaBytes;
    this.#measure = measure;
    this.#onLevel = onLevel;
  }

  /** A new quota counts from the next write on. */
  change(quotaBytes: number | null): void {
    this.#quotaBytes = quotaBytes;
    this.#given = 0;
    this.look();
  }

  /** Lets a write of `length` bytes at `offset` of `disk` through, or throws `QuotaExceeded`. */
  admit(disk: Layer, offset: number, length: number): void {
    const quotaBytes = this.#quotaBytes;
    if (quotaBytes === null) return;
    const cost = length + EDGES_BYTES;
    if (cost <= this.#given) {
      this.#given -= cost;
      return;
    }
    const left = quotaBytes - this.look();
    this.#given = Math.min(left, MEASURE_EVERY_BYTES);
    if (cost <= left) {
      this.#given -= Math.min(cost, this.#given);
      return;
    }
    this.#given = 0;
    // What lies there already is overwritten in place and takes no more room.
    for (const { kind } of disk.extents(offset, length))
      if (kind !== "data") {
        this.#tell(1, quotaBytes);
        throw new QuotaExceeded(quotaBytes);
      }
  }

  /** Measures, and tells when a warning was passed. Returns what is used, in bytes; without a quota nothing is asked. */
  look(): number {
    const quotaBytes = this.#quotaBytes;
    if (quotaBytes === null) {
      this.#level = 0;
      return 0;
    }
    const usedBytes = this.#measure();
    const reached = QUOTA_WARNINGS.findLast((part) => usedBytes >= quotaBytes * part) ?? 0;
    // A refused write tells of the last step; what is measured only takes it back when there is real room again.
    if (this.#level !== 1 || reached === 0) this.#tell(reached, usedBytes);
    return usedBytes;
  }

  #tell(level: QuotaLevel, usedBytes: number): void {
    if (level === this.#level) return;
    const rises = level > this.#level;
    this.#level = level;
    // Falling from one warning to a lower one is no news; having room again is.
    if (rises || level === 0) this.#onLevel(level, usedBytes);
  }
}
