/** How much room the host's file system has, and when that is worth a warning. */
import { statfs } from "node:fs/promises";

export interface HostSpace {
  readonly sizeBytes: number;
  /** What an ordinary process may still take. */
  readonly freeBytes: number;
}

/**
 * The steps at which a person is told, before any write is refused: free space below a part of the file system, or below
 * an amount on a large one, whichever is less.
 */
export const SPACE_WARNINGS = [
  { level: "low", part: 0.1, bytes: 10 * 2 ** 30 },
  { level: "very low", part: 0.03, bytes: 2 * 2 ** 30 },
] as const;

export type SpaceLevel = "enough" | (typeof SPACE_WARNINGS)[number]["level"];

/** Room that must come back before a warning is taken back and may be told again, as a part of the step. */
const BACK_AGAIN = 1.2;

/** Asks the file system of a folder. Throws the system's error. */
export async function hostSpace(folder: string): Promise<HostSpace> {
  const { blocks, bavail, bsize } = await statfs(folder);
  return { sizeBytes: blocks * bsize, freeBytes: bavail * bsize };
}

/** The level now, given the one before: going up needs a little more room than going down left. */
export function spaceLevel({ sizeBytes, freeBytes }: HostSpace, before: SpaceLevel): SpaceLevel {
  const reached = SPACE_WARNINGS.findLast(({ level, part, bytes }) => {
    const step = Math.min(sizeBytes * part, bytes);
    return freeBytes < (isAtLeast(before, level) ? step * BACK_AGAIN : step);
  });
  return reached?.level ?? "enough";
}

/** True when `level` is as grave as `other` or graver. */
export function isAtLeast(level: SpaceLevel, other: SpaceLevel): boolean {
  const order: readonly SpaceLevel[] = ["enough", ...SPACE_WARNINGS.map((warning) => warning.level)];
  return order.indexOf(level) >= order.indexOf(other);
}
