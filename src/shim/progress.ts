/** What the builder is doing, for the terminal and for events. */
export interface ShimProgress {
  /** Words for people: "compile the kernel". */
  readonly step: string;
  /** Of the whole build, 0 to 1; never goes back. */
  readonly fraction: number;
  /** Seconds to the end of the whole build. */
  readonly etaSeconds: number;
}

export type OnShimProgress = (progress: ShimProgress) => void;
