/** What the doctor says of one thing that it looked at. */

export interface Finding {
  /** Which check it is of: the same at each run, for programs. */
  readonly check: string;
  /** "problem": Pis will not come up, or something is refused. "warning": it may come to that. */
  readonly level: "ok" | "warning" | "problem";
  readonly detail: string;
  /** What to do, or null when there is nothing. */
  readonly fix: string | null;
}

export const FINDING_LEVELS = ["ok", "warning", "problem"] as const satisfies Finding["level"][];

export function ok(check: string, detail: string): Finding {
  return { check, level: "ok", detail, fix: null };
}

export function warning(check: string, detail: string, fix: string): Finding {
  return { check, level: "warning", detail, fix };
}

export function problem(check: string, detail: string, fix: string): Finding {
  return { check, level: "problem", detail, fix };
}
