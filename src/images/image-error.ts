export type ImageErrorCode =
  | "unknown-image"
  | "in-use"
  | "name-taken"
  | "bad-name"
  | "not-a-file"
  | "unknown-format"
  | "bad-archive"
  | "bad-checksum"
  | "bad-url"
  | "unreachable"
  | "fetch-failed"
  | "too-large"
  | "no-space"
  | "cancelled"
  | "io";

/** What went wrong in the image library, in words for a person, with what to do about it where there is something. */
export class ImageError extends Error {
  override readonly name = "ImageError";

  constructor(
    readonly code: ImageErrorCode,
    message: string,
    readonly fix?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export function cancelled(): ImageError {
  return new ImageError("cancelled", "the import was cancelled");
}
