/** Why a Pi was waited for in vain, each with an exit status of its own: a script goes by it. */
import { ApplianceError, type ErrorCode } from "../../appliance/index.ts";

export const WAIT_EXITS = {
  /** The time is over. */
  timeout: 3,
  /** The Pi stopped, and said why. */
  "boot-failed": 4,
  /** No server runs, or it went away meanwhile. */
  "not-serving": 5,
} as const satisfies Partial<Record<ErrorCode, number>>;

export class WaitFailure extends ApplianceError {
  readonly exitStatus: number;

  constructor(code: keyof typeof WAIT_EXITS, message: string, fix?: string) {
    super(code, message, fix);
    this.exitStatus = WAIT_EXITS[code];
  }
}

/** The same failure with its exit status, where it has one. */
export function asWaitFailure(error: unknown): unknown {
  return error instanceof ApplianceError && error.code === "not-serving"
    ? new WaitFailure("not-serving", error.message, error.fix)
    : error;
}
