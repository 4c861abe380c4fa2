/** What the builder is doing, for the terminal and for events. */
export interface ShimProgress {
  /** Words for people: "compile the kernel". */
  readonly step: string;
  /** Of the whole build, 0 to 1; never goes back. */
  readonly fraction: number;
  /** Seconds to the end of the whole build; undefined until there is something to reckon with. */
  readonly etaSeconds: number | undefined;
}

export type OnShimProgress = (progress: ShimProgress) => void;
