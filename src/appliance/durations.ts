/** Times as people write and read them. */
import { ApplianceError } from "./errors.ts";

const UNITS_MS = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** Reads "90s", "5m", "2h", "7d"; a bare number is seconds. Milliseconds; throws "bad-request". */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim());
  if (!match) throw new ApplianceError("bad-request", `"${text}" is not a time`, "Write it like 90s or 5m.");
  return Number(match[1]) * (UNITS_MS.get(match[2] ?? "s") ?? Number.NaN);
}

/** "45 s", "3 min", "2 h", for people. */
export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}
