/** The same done with many Pis: what fails with one does not keep it from the others, and is told with its Pi. */
import { ApplianceError } from "../errors.ts";
import { toApplianceError } from "../errors-of-floors.ts";
import type { PiService } from "./service.ts";

/** Which Pis: exactly one of the three. */
export interface PiSelection {
  /** Serial numbers, MACs or names. */
  readonly pis?: readonly string[] | undefined;
  readonly group?: string | undefined;
  readonly all?: boolean | undefined;
}

export interface PiResult {
  /** Key of the Pi, or what was asked for when that is none. */
  readonly pi: string;
  readonly done: boolean;
  readonly detail: string;
  readonly fix: string | null;
}

/** The names of the Pis that are meant. Throws "not-found" when a group has none. */
export function selectPis(service: PiService, { pis, group, all }: PiSelection): readonly string[] {
  if ([pis !== undefined, group !== undefined, all === true].filter(Boolean).length !== 1)
    throw new ApplianceError("bad-request", "Say which Pis: by name, by a group, or all of them");
  if (pis) return pis;
  const chosen = service.list().filter((pi) => all === true || pi.group === group);
  if (chosen.length > 0) return chosen.map(({ key }) => key);
  throw new ApplianceError(
    "not-found",
    group === undefined ? "No Pi was seen yet" : `No Pi is in the group ${group}`,
    group === undefined ? undefined : `pinetboot pi set SERIAL --group ${group}`,
  );
}

/** Does it with each, one after the other; `work` returns what came of it in words. */
export async function doWithMany(
  names: readonly string[],
  keyOf: (name: string) => string,
  work: (name: string) => string | Promise<string>,
): Promise<readonly PiResult[]> {
  const results: PiResult[] = [];
  for (const name of names) {
    try {
      results.push({ pi: keyOf(name), done: true, detail: await work(name), fix: null });
    } catch (error) {
      const { message, fix } = toApplianceError(error);
      results.push({ pi: name, done: false, detail: message, fix: fix ?? null });
    }
  }
  return results;
}
