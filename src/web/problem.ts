/** Errors of the API as RFC 9457 problem documents. */
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { type ErrorCode, toApplianceError } from "../appliance/index.ts";
import { z } from "@hono/zod-openapi";

/** One status per code, so that a program may go by either. */
const STATUS = {
  "bad-request": 400,
  "not-permitted": 403,
  "not-found": 404,
  "in-use": 409,
  "already-exists": 409,
  "data-folder-locked": 409,
  "data-folder-newer": 409,
  "port-unavailable": 409,
  "rival-dhcp-server": 409,
  "shim-unavailable": 503,
  "no-space": 507,
  unreachable: 504,
  "not-serving": 503,
  timeout: 504,
  "boot-failed": 502,
  fenced: 409,
  unheard: 409,
  "pi-failed": 409,
  internal: 500,
} as const satisfies Record<ErrorCode, number>;

const TITLES: Partial<Record<ErrorCode, string>> = { internal: "The server failed" };

export const ProblemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    code: z.string(),
    fix: z.string().nullable(),
  })
  .openapi("Problem");

/** Answers with the problem that an error is. */
export function problemOf(context: Context, error: unknown): Response {
  const { code, message, fix } = toApplianceError(error);
  return problem(context, STATUS[code], {
    code,
    detail: message,
    fix: fix ?? null,
    title: TITLES[code] ?? message,
  });
}

export interface ProblemWords {
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly fix: string | null;
}

/** Answers with a problem of the API's own making. */
export function problem(context: Context, status: ContentfulStatusCode, words: ProblemWords): Response {
  return context.body(JSON.stringify({ type: `urn:pinetboot:error:${words.code}`, status, ...words }), {
    status,
    headers: { "content-type": "application/problem+json" },
  });
}

/** For a route's `responses`: the statuses at which it answers with a problem. */
export function problems(...statuses: readonly number[]) {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      { description: "A problem", content: { "application/problem+json": { schema: ProblemSchema } } },
    ]),
  );
}
