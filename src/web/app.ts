/** The HTTP API as one function of a request; who listens is server.ts. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import { HTTPException } from "hono/http-exception";
import { toApplianceError } from "../appliance/index.ts";
import { type ApiContext, type ApiEnv, newRouter } from "./context.ts";
import { guard, type GuardOptions } from "./guard.ts";
import { problem, problemOf } from "./problem.ts";
import { eventRoutes } from "./routes/events.ts";
import { healthRoutes } from "./routes/health.ts";
import { imageRoutes } from "./routes/images.ts";
import { piRoutes } from "./routes/pis.ts";
import { sessionLifeRoutes } from "./routes/session-life.ts";
import { sessionRoutes } from "./routes/sessions.ts";

/** Makes the API over what is open. */
export function createApi(
  context: ApiContext,
  options: GuardOptions = { key: undefined },
): OpenAPIHono<ApiEnv> {
  const app = newRouter();
  app.use(guard(options));
  app.use(async (c, next) => {
    await next();
    c.header("x-content-type-options", "nosniff");
    c.header("cross-origin-resource-policy", "same-origin");
    c.header("content-security-policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'");
  });
  for (const routes of [sessionRoutes, sessionLifeRoutes, imageRoutes, piRoutes, eventRoutes, healthRoutes])
    app.route("/api", routes(context) as OpenAPIHono<ApiEnv>);
  app.doc31("/api/openapi.json", {
    openapi: "3.1.0",
    info: {
      title: "pinetboot",
      version: context.version,
      description: "Disks over iSCSI for Raspberry Pis and anything else, from this computer.",
    },
  });
  // Said outright: with headers added behind it, a body of text without its type goes out as bytes to be saved.
  app.get("/", (c) => c.text(WELCOME, 200, { "content-type": "text/plain; charset=utf-8" }));
  app.notFound((c) =>
    problem(c, 404, {
      code: "not-found",
      title: "There is nothing here",
      detail: `No ${c.req.method} ${c.req.path.slice(0, 100)}`,
      fix: "See /api/openapi.json.",
    }),
  );
  app.onError((error, c) => {
    // Hono's own: a body that is no JSON.
    if (error instanceof HTTPException)
      return problem(c, error.status, {
        code: "bad-request",
        title: "The request is not understood",
        detail: error.message,
        fix: "See /api/openapi.json.",
      });
    if (toApplianceError(error).code === "internal")
      context.appliance.events.emit({
        stage: "server",
        state: "fail",
        detail: `${c.req.method} ${c.req.path} failed: ${error.message}`,
      });
    return problemOf(c, error);
  });
  return app;
}

const WELCOME = `pinetboot boots Raspberry Pis over the network and gives disks over iSCSI to anything that asks.

  A disk to try     curl -X POST -H 'content-type: application/json' -d '{"image":"blank","size":"1G"}' /api/sessions
  The images        GET /api/images
  The Pis           GET /api/pis
  What happens      GET /api/events        (server-sent events; ?after=0 replays)
  The whole API     GET /api/openapi.json

On the command line: pinetboot --help
`;
