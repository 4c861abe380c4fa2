/** What every route works on. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Appliance, Serving } from "../appliance/index.ts";
import { problem } from "./problem.ts";

export interface ApiContext {
  readonly appliance: Appliance;
  /** What runs; undefined when a command works on the folder without a server. */
  readonly serving: Serving | undefined;
  readonly version: string;
  /** Address of the page as other machines see it; undefined when it is not served over TCP. */
  readonly pageUrl?: () => string | undefined;
}

/** How a request came: over TCP it is checked, the Unix socket and this very process are the person's own. */
export interface ApiEnv {
  Bindings: {
    readonly via?: "tcp" | "own";
    /** Of whoever asks over TCP. */
    readonly address?: string;
  };
}

/** A router whose bad requests are problem documents too. */
export function newRouter(): OpenAPIHono<ApiEnv> {
  return new OpenAPIHono<ApiEnv>({
    defaultHook(result, context) {
      if (result.success) return undefined;
      const detail = result.error.issues
        .map(({ path, message }) => (path.length > 0 ? `${path.join(".")}: ${message}` : message))
        .join("; ");
      return problem(context, 400, {
        code: "bad-request",
        title: "The request is not understood",
        detail,
        fix: "See /api/openapi.json.",
      });
    },
  });
}
