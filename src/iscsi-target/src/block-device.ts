/**
 * What a logical unit needs from the disk under it. Anything of this shape can be served; the target knows no more of it.
 *
 * Offsets and lengths are bytes and lie inside the device: the SCSI layer has checked them.
 * Failures of the medium throw an Error whose `code` is the errno name; "ENOSPC" and "EDQUOT" become
 * SPACE ALLOCATION FAILED, everything else MEDIUM ERROR.
 */
export interface BlockDevice {
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  /** Fills `into` without waiting for a device, or returns false: `read` is called then. */
  tryRead(into: Uint8Array, offset: number): boolean;
  read(into: Uint8Array, offset: number): Promise<void>;
  /**
   * Brings into memory what `write`, `discard` or `extents` of the range would have to wait for. Undefined when nothing
   * is missing; a device without it never waits.
   */
  prepare?(offset: number, length: number): Promise<void> | undefined;
  /** On return the data is safe from a crash of this process (though not of the machine). */
  write(data: Uint8Array, offset: number): void;
  /** The range reads as zeros afterwards. */
  discard(offset: number, length: number): void;
  /**
   * The map of a range, in order and without gaps; what is "zero" reads as zeros and holds no space.
   * A device without it is told of as fully mapped.
   */
  extents?(offset: number, length: number): Iterable<DeviceExtent>;
  /** Resolves once every write that returned before the call is on stable storage. */
  flush(): Promise<void>;
}

export interface DeviceExtent {
  readonly offset: number;
  readonly length: number;
  readonly kind: "data" | "zero" | "backing";
}
