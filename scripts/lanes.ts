/**
 * Which suites run side by side. Most of a suite's time is spent waiting (for QEMU, for a lease, for a time limit),
 * so three of them share two cores well; one that uses every core by itself runs alone.
 */
import type { Suite } from "./suites.ts";

/** More than three and the time limits inside the tests start to tell the load of the machine, not a fault. */
const LANES = 3;

/**
 * Runs the suites in their order, at most LANES at a time, and resolves when the last has ended. A suite with `alone`
 * waits for those before it and holds up those behind it; within what may run together the `first` ones start first.
 */
export async function runInLanes<T>(
  suites: readonly Suite[],
  runOne: (suite: Suite) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  for (const group of groups(suites)) {
    const waiting = group.toSorted((a, b) => Number(b.first ?? false) - Number(a.first ?? false));
    const lane = async (): Promise<void> => {
      for (let suite = waiting.shift(); suite; suite = waiting.shift()) results.push(await runOne(suite));
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }
  return results;
}

/** Cuts the list before and behind each suite that runs alone. */
function groups(suites: readonly Suite[]): Suite[][] {
  const all: Suite[][] = [];
  let open: Suite[] | undefined;
  for (const suite of suites) {
    if (suite.alone || !open) all.push((open = [suite]));
    else open.push(suite);
    if (suite.alone) open = undefined;
  }
  return all;
}
