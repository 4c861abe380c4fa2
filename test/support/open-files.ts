/** What this very process has open, for tests that nothing stays so. Linux alone. */
import { readdirSync, readlinkSync } from "node:fs";

/** Paths of the files below `folder` that are open now. */
export function openFilesBelow(folder: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(folder) ? [target] : [];
    } catch (error) {
      // The descriptor of the listing itself is gone by now.
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
      throw error;
    }
  });
}
