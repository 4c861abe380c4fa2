/** Our changes to Linux, each with its reason at the head of its file. */
import spinTableCpusStay from "./patches/spin-table-cpus-stay.patch" with { type: "text" };
import type { Run } from "../support/run.ts";

/** Name -> unified diff for `patch -p1`, in the order in which they are applied. */
export const PATCHES: Readonly<Record<string, string>> = {
  "spin-table-cpus-stay": spinTableCpusStay,
};

/**
 * Applies all of them to a freshly unpacked source.
 *
 * @throws ShimError "command-failed" with patch's words, e.g. for a newer Linux that one of them does not fit
 */
export async function applyPatches(run: Run, dir: string, signal?: AbortSignal): Promise<void> {
  for (const text of Object.values(PATCHES))
    await run(["patch", "-p1", "--batch", "--forward", "--fuzz=0"], {
      cwd: dir,
      input: new TextEncoder().encode(text),
      signal,
    });
}
