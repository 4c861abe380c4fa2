/** A failure of the medium under a layer. `code` is the errno name, which the SCSI layer turns into sense data. */
export class DiskError extends Error {
  override readonly name: string = "DiskError";

  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** An image file that is not what it must be: damaged, hostile, or of a kind that is not supported. The message says which. */
export class BadImage extends DiskError {
  override readonly name = "BadImage";

  constructor(path: string, reason: string) {
    super("EBADIMG", `${path}: ${reason}`);
  }
}

/** The errno name of a thrown value, or "EIO" when it has none. */
export function errnoOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return "EIO";
}

/** Throws the RangeError of the `Layer` contract when `[offset, offset + length)` is not inside the disk. */
export function checkRange(offset: number, length: number, sizeBytes: number): void {
  if (
    !Number.isSafeInteger(offset) ||
    !Number.isSafeInteger(length) ||
    offset < 0 ||
    length < 0 ||
    offset + length > sizeBytes
  ) {
    throw new RangeError(`bytes ${offset}+${length} lie outside a disk of ${sizeBytes} bytes`);
  }
}
