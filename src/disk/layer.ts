/**
 * The one interface of everything that can stand in a disk's chain: a raw file, a qcow2 overlay,
 * a chain of both, a virtual disk made of regions, and the test-only filters.
 *
 * Offsets and lengths are bytes. A call outside `[0, sizeBytes)` is a bug of the caller and throws a RangeError.
 * Failures of the medium throw an Error whose `code` is the errno name ("ENOSPC", "EIO", ...).
 */
export interface Layer {
  /** Size of the disk that a guest sees, in bytes. */
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  /**
   * Fills `into` with the bytes at `offset` when that needs no wait for a device.
   * Returns false, with `into` in an unknown state, when it would have to wait: call `read` then.
   */
  tryRead(into: Uint8Array, offset: number): boolean;
  /** Fills `into` with the bytes at `offset`; may wait for a device, never on the event loop. */
  read(into: Uint8Array, offset: number): Promise<void>;
  /** Fills `into` at once, waiting on the event loop when it must: for the edges of a copy-on-write, after `prepare`. */
  readNow(into: Uint8Array, offset: number): void;
  /**
   * Brings into memory, on the thread pool, what a write or discard of the range would have to read first, so that it
   * does not wait on the event loop. Undefined when all of it is there: go ahead at once.
   */
  prepare(offset: number, length: number): Promise<void> | undefined;
  /** Writes `data` at `offset`. On return data and the metadata that reaches it are with the kernel (they survive `kill -9`). */
  write(data: Uint8Array, offset: number): void;
  /** Makes the range read as zeros and gives back its space where the layer can. Same promise as `write`. */
  discard(offset: number, length: number): void;
  /** Resolves once every write that returned before the call is on stable storage. */
  flush(): Promise<void>;
  /** The map of a range, in order and without gaps: what is held here, what is known to be zero, what lies in the backing chain. */
  extents(offset: number, length: number): Iterable<Extent>;
  /** Flushes, then releases the files. Nothing may be called afterwards. */
  close(): Promise<void>;
}

export type ExtentKind = "data" | "zero" | "backing";

export interface Extent {
  readonly offset: number;
  readonly length: number;
  readonly kind: ExtentKind;
}
