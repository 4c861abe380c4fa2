/** Every refusal of the appliance: what went wrong in words, a stable code, and what the person can do. */

export const ERROR_CODES = [
  "bad-request",
  "not-permitted",
  "not-found",
  "in-use",
  "already-exists",
  "data-folder-locked",
  "data-folder-newer",
  "port-unavailable",
  "rival-dhcp-server",
  "shim-unavailable",
  "no-space",
  "unreachable",
  "not-serving",
  "timeout",
  "boot-failed",
  "fenced",
  "unheard",
  "pi-failed",
  "internal",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** A refusal that a person can read: `message` says what is wrong, `fix` what to do about it. */
export class ApplianceError extends Error {
  readonly code: ErrorCode;
  readonly fix: string | undefined;

  constructor(code: ErrorCode, message: string, fix?: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "ApplianceError";
    this.code = code;
    this.fix = fix;
  }
}

/** The errno name of a system error ("EACCES", "ENOSPC", ...), or undefined when it carries none. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** The words of anything that was thrown. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
