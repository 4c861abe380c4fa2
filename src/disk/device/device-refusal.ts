/** Why a disk is not written, as `reason`; `fix` is what a person can do. */
export type RefusalReason =
  /** It is no whole disk. */
  | "not-a-disk"
  /** Something lives on it. */
  | "in-use"
  /** It is what this computer runs from. */
  | "system-disk"
  /** Nothing that one pulls out and carries to a Pi, or larger than that. */
  | "unlikely"
  | "too-small"
  | "read-only"
  | "not-permitted"
  /** What was read back is not what was written. */
  | "bad-medium"
  | "cancelled";

export class DeviceRefusal extends Error {
  override readonly name = "DeviceRefusal";
  readonly reason: RefusalReason;
  readonly fix: string | undefined;

  constructor(reason: RefusalReason, message: string, fix?: string, options?: { cause?: unknown }) {
    super(message, options);
    this.reason = reason;
    this.fix = fix;
  }
}
