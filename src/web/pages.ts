/** Long lists in pieces: `?limit=` and `?after=`, and a Link header that leads to the rest (RFC 8288). */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { ApplianceError } from "../appliance/index.ts";

/** A page of this many sessions is some hundred kilobytes. */
const LIMIT_MAX = 1000;
/** Between a place's two parts; in neither a time nor an id. */
const BETWEEN = "~";

export const PageQuery = z.object({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(LIMIT_MAX)
    .optional()
    .openapi({ description: "At most so many; without it, all" }),
  after: z
    .string()
    .min(1)
    .max(256)
    .optional()
    .openapi({
      description:
        "Begin behind the one of this id. The Link header of an answer has the place filled in, which stays good when " +
        "that one is removed meanwhile",
    }),
});

/** Where something stands in its list: by its time, and among those of the same time by its id. */
export interface Place {
  /** ISO 8601, or nothing for what stands before everything. */
  readonly at: string;
  readonly id: string;
}

/** The place of what came at a time in Unix milliseconds. */
export function placeAt(ms: number, id: string): Place {
  return { at: new Date(ms).toISOString(), id };
}

/**
 * The piece of `all` that was asked for, the oldest first. When there is more, the answer's Link header says where.
 * Throws "bad-request" for an id that is none of the list's.
 */
export function pageOf<T>(
  context: Context,
  all: readonly T[],
  placeOf: (item: T) => Place,
  { limit, after }: z.infer<typeof PageQuery>,
): readonly T[] {
  const placed = all
    .map((item) => ({ item, place: placeOf(item) }))
    .toSorted((one, other) => compare(one.place, other.place));
  const from = after === undefined ? undefined : parsePlace(after, placed);
  const rest = from ? placed.filter(({ place }) => compare(place, from) > 0) : placed;
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  if (last !== undefined && page.length < rest.length) {
    const next = new URL(context.req.url);
    next.searchParams.set("after", last.place.at + BETWEEN + last.place.id);
    context.header("link", `<${next.pathname}${next.search}>; rel="next"`);
  }
  return page.map(({ item }) => item);
}

/** Signs by their codes: the same order in every place and language. */
function compare(one: Place, other: Place): number {
  if (one.at !== other.at) return one.at < other.at ? -1 : 1;
  if (one.id === other.id) return 0;
  return one.id < other.id ? -1 : 1;
}

function parsePlace(after: string, placed: readonly { readonly place: Place }[]): Place {
  const cut = after.indexOf(BETWEEN);
  if (cut >= 0) return { at: after.slice(0, cut), id: after.slice(cut + 1) };
  const known = placed.find(({ place }) => place.id === after);
  if (known) return known.place;
  throw new ApplianceError(
    "bad-request",
    `Nothing in the list has the id ${after}`,
    "It may have been removed meanwhile: go on by the Link header, or begin anew without after.",
  );
}
