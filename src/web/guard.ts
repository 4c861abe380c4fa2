/**
 * Who may speak to the API over TCP. A page of some website in the person's browser must not: neither by a name that
 * it points at 127.0.0.1 (DNS rebinding), nor by a request across origins (CSRF).
 */
import { timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { isLocalAddress } from "../appliance/index.ts";
import type { ApiEnv } from "./context.ts";
import { problem } from "./problem.ts";

export interface GuardOptions {
  /** The key that is wanted when the listener is not loopback; undefined ignores whatever key comes. */
  readonly key: string | undefined;
}

/** Checks Host, Origin and, when there is one, the key. Requests by the Unix socket are the owner's own. */
export function guard({ key }: GuardOptions): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    if (c.env.via !== "tcp") return next();
    const url = new URL(c.req.url);
    if (!isOwnName(url.hostname))
      return problem(c, 421, {
        code: "wrong-host",
        title: "That is not the name of this server",
        detail: `It was asked as ${url.hostname}`,
        fix: "Use its address, or localhost on the computer itself.",
      });
    const origin = c.req.header("origin");
    if (origin !== undefined && origin !== url.origin)
      return problem(c, 403, {
        code: "wrong-origin",
        title: "Pages of other sites may not use this API",
        detail: `The request came from ${origin.slice(0, 100)}`,
        fix: null,
      });
    if (key !== undefined && !isKey(c.req.header("authorization"), key))
      return problem(c, 401, {
        code: "key-needed",
        title: "A key is needed",
        detail: "The API is open to the network here, so it wants its key",
        fix: "Send the header Authorization: Bearer KEY; the key is in the file api.key of the data folder.",
      });
    return next();
  };
}

function isOwnName(hostname: string): boolean {
  return ["localhost", "127.0.0.1", "[::1]"].includes(hostname) || isLocalAddress(hostname);
}

/** In constant time: how much of a wrong key was right is nobody's business. */
function isKey(header: string | undefined, key: string): boolean {
  const said = Buffer.from(header ?? "");
  const wanted = Buffer.from(`Bearer ${key}`);
  return said.length === wanted.length && timingSafeEqual(said, wanted);
}
