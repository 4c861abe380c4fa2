/** Long lists in pieces: `?limit=` and `?after=`, and a Link header that leads to the rest (RFC 8288). */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";

/** A page of this many sessions is some hundred kilobytes. */
const LIMIT_MAX = 1000;

export const PageQuery = z.object({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(LIMIT_MAX)
    .optional()
    .openapi({ description: "At most so many; without it, all" }),
  after: z.string().min(1).max(256).optional().openapi({
    description: "Begin behind the one of this id; the Link header of an answer has it filled in",
  }),
});

/** The piece of `all` that was asked for. When there is more, the answer's Link header says where. */
export function pageOf<T>(
  context: Context,
  all: readonly T[],
  idOf: (item: T) => string,
  { limit, after }: z.infer<typeof PageQuery>,
): readonly T[] {
  // One that has gone since leaves no place to go on from: then the list begins anew rather than end early.
  const from = after === undefined ? 0 : all.findIndex((item) => idOf(item) === after) + 1;
  const rest = all.slice(from);
  if (limit === undefined || rest.length <= limit) return rest;
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  if (last !== undefined) {
    const next = new URL(context.req.url);
    next.searchParams.set("after", idOf(last));
    context.header("link", `<${next.pathname}${next.search}>; rel="next"`);
  }
  return page;
}
