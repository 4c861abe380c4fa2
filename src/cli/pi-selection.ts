/** Which Pis a command means: those that it names, a group, or all. */
import { ApplianceError } from "../appliance/index.ts";
import type { Answered, ApiClient } from "../web/index.ts";
import { type Api, read } from "./backend.ts";
import { propose } from "./complete-names.ts";
import { text } from "./flags.ts";
import { failure, printJson, printTable } from "./output.ts";

type PiAction = Parameters<ApiClient["pis"]["actions"]["$post"]>[0]["json"];
type PiResults = Answered<Awaited<ReturnType<ApiClient["pis"]["actions"]["$post"]>>>;

export interface SelectionFlags {
  readonly group?: string;
  readonly all: boolean;
}

export const selectionFlags = {
  group: {
    kind: "parsed",
    parse: text,
    proposeCompletions: propose("groups"),
    brief: "Every Pi of this group",
    placeholder: "group",
    optional: true,
  },
  all: { kind: "boolean", brief: "Every Pi", default: false, withNegated: false },
} as const;

const pi = {
  brief: "Serial number (the last 8 digits will do), MAC, or name",
  parse: text,
  placeholder: "pi",
  proposeCompletions: propose("pis"),
} as const;

/** One Pi. */
export const onePi = { kind: "tuple", parameters: [pi] } as const;

/** Any number of them. */
export const pisArgument = { kind: "array", parameter: pi } as const;

/** The Pis that were meant, as the API takes them. Throws "bad-request" for none, or for two ways at once. */
export function selectionOf(
  { group, all }: SelectionFlags,
  pis: readonly string[],
): Pick<PiAction, "pis" | "group" | "all"> {
  if ([pis.length > 0, group !== undefined, all].filter(Boolean).length !== 1)
    throw new ApplianceError(
      "bad-request",
      "Say which Pis",
      "Give serial numbers or names, or --group NAME, or --all.",
    );
  if (pis.length > 0) return { pis: [...pis] };
  return group === undefined ? { all: true } : { group };
}

/** Does it with every Pi that is meant. */
export async function doWithPis(api: Api, action: PiAction): Promise<PiResults> {
  return read(api.client.pis.actions.$post({ json: action }));
}

/** Prints what came of it, Pi by Pi. Throws when any failed: the only one's own words when there was but one. */
export function printResults({ results }: PiResults, json: boolean): void {
  const failed = results.filter(({ done }) => !done);
  const [only] = results;
  if (failed.length > 0 && results.length === 1 && only)
    throw failure("pi-failed", `Pi ${only.pi}: ${only.detail}`, only.fix ?? undefined);
  if (json) printJson({ results });
  else
    printTable(
      results,
      [
        { title: "PI", value: ({ pi }) => pi },
        { title: "STATE", value: ({ done }) => (done ? "ok" : "failed") },
        { title: "WHAT", value: ({ detail, fix }) => (fix === null ? detail : `${detail}. ${fix}`) },
      ],
      "There is no Pi.",
    );
  if (failed.length > 0)
    throw failure("pi-failed", `${failed.length} of ${results.length} Pis could not do it`);
}
