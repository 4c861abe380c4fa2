/** For a route's declaration: a JSON document that it takes or gives. */
import type { z } from "@hono/zod-openapi";

/** One of the `responses`. */
export const json = <T extends z.ZodType>(description: string, schema: T) => ({
  description,
  content: { "application/json": { schema } },
});

/** The request's `body`, which must be there. */
export const body = <T extends z.ZodType>(schema: T) => ({
  required: true as const,
  content: { "application/json": { schema } },
});
