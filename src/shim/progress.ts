/** What the builder is doing, for the terminal and for events. */
export interface ShimProgress {
  /** Words for people: "compile the kernel". */
  readonly step: string;
  /** Of the whole build, 0 to 1; never goes back. */
  readonly fraction: number;
  /** Seconds to the end of the whole build. */
  readonly etaSeconds: number;
  /**
   * Path of a bundle that a Pi with Ethernet boots from already, while modules and the WiFi kernel are still being
   * made. The whole one takes its place.
   */
  readonly bootable?: string;
}

export type OnShimProgress = (progress: ShimProgress) => void;
