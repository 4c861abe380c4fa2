/** What can stop a build of the shim, as `code`; `fix` is one line that a person can act on. */
export type ShimErrorCode =
  | "no-debian-mirror"
  | "package-unavailable"
  | "checksum"
  | "toolchain-missing"
  | "toolchain-install"
  | "command-failed"
  | "kernel-config"
  | "image-too-large"
  | "bad-bundle"
  | "bad-wifi"
  | "bad-server"
  | "bad-eeprom"
  | "no-firmware"
  | "cancelled";

/** A failure of the shim's build with the words for the person in front of it. */
export class ShimError extends Error {
  override readonly name = "ShimError";
  readonly code: ShimErrorCode;
  readonly fix: string | undefined;

  constructor(code: ShimErrorCode, message: string, fix?: string) {
    super(message);
    this.code = code;
    this.fix = fix;
  }
}

/** @throws ShimError "cancelled" once the signal is given */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new ShimError("cancelled", "the build of the shim was cancelled");
}
