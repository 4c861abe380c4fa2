/** Errors of the floors below, in the appliance's own words. */
import { ImageError } from "../images/image-error.ts";
import { DeviceRefusal, type RefusalReason } from "../disk/device/device-refusal.ts";
import { ShimError, type ShimErrorCode } from "../shim/index.ts";
import { ApplianceError, errnoOf, type ErrorCode, wordsOf } from "./errors.ts";

const CODE_OF_IMAGE_ERROR: Partial<Record<string, ErrorCode>> = {
  "unknown-image": "not-found",
  "in-use": "in-use",
  "name-taken": "already-exists",
  "no-space": "no-space",
  unreachable: "unreachable",
  io: "internal",
};

const CODE_OF_SHIM_ERROR: Partial<Record<ShimErrorCode, ErrorCode>> = {
  "bad-wifi": "bad-request",
  "bad-server": "bad-request",
  "bad-eeprom": "bad-request",
  "no-firmware": "not-found",
};

const CODE_OF_REFUSAL: Partial<Record<RefusalReason, ErrorCode>> = {
  "in-use": "in-use",
  "system-disk": "in-use",
  "not-permitted": "not-permitted",
  "too-small": "no-space",
};

/** Anything that was thrown, as an ApplianceError. An unknown one is "internal" and keeps its cause. */
export function toApplianceError(error: unknown): ApplianceError {
  if (error instanceof ApplianceError) return error;
  if (error instanceof ImageError)
    return new ApplianceError(CODE_OF_IMAGE_ERROR[error.code] ?? "bad-request", error.message, error.fix, {
      cause: error,
    });
  if (error instanceof DeviceRefusal)
    return new ApplianceError(CODE_OF_REFUSAL[error.reason] ?? "bad-request", error.message, error.fix, {
      cause: error,
    });
  if (error instanceof ShimError)
    return new ApplianceError(
      CODE_OF_SHIM_ERROR[error.code] ?? "shim-unavailable",
      error.message,
      error.fix,
      { cause: error },
    );
  // SQLite has a name of its own for it.
  if (["ENOSPC", "EDQUOT", "SQLITE_FULL"].includes(errnoOf(error) ?? ""))
    return new ApplianceError(
      "no-space",
      "The disk is full",
      "Make room on the disk of the data folder (pinetboot image df shows what takes it).",
      { cause: error },
    );
  return new ApplianceError("internal", wordsOf(error), undefined, { cause: error });
}
