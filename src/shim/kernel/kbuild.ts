/** The kernel's own build system, as every step of ours calls it. */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Run } from "../support/run.ts";

/** Nothing of the day or the machine goes into a kernel. */
export const KBUILD_ENV = {
  ARCH: "arm64",
  CROSS_COMPILE: "aarch64-linux-gnu-",
  KBUILD_BUILD_TIMESTAMP: "Thu Jan  1 00:00:00 UTC 1970",
  KBUILD_BUILD_USER: "pinetboot",
  KBUILD_BUILD_HOST: "pinetboot",
  KBUILD_BUILD_VERSION: "1",
} as const;

export interface KernelTree {
  /** Source tree; the build goes to `out` below it. */
  readonly dir: string;
  readonly run: Run;
  readonly signal?: AbortSignal | undefined;
}

export function outDir(tree: KernelTree): string {
  return join(tree.dir, "out");
}

/** Runs kbuild's make for these targets and variables. */
export async function make(
  tree: KernelTree,
  words: readonly string[],
  onLine?: (line: string) => void,
): Promise<void> {
  await tree.run(["nice", "-n", "5", "make", `-j${availableParallelism()}`, "O=out", ...words], {
    cwd: tree.dir,
    env: KBUILD_ENV,
    signal: tree.signal,
    ...(onLine === undefined ? {} : { onLine }),
  });
}
