/** The HTTP API as one function of a request; who listens is server.ts. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import { HTTPException } from "hono/http-exception";
import { toApplianceError } from "../appliance/index.ts";
import { type ApiContext, type ApiEnv, newRouter } from "./context.ts";
import { describeApi, type Description } from "./description.ts";
import { EventStreams } from "./event-stream.ts";
import { guard, type GuardOptions } from "./guard.ts";
import { nothingHere } from "./methods.ts";
import { problem, problemOf } from "./problem.ts";
import { bodyLimit } from "hono/body-limit";
import { catalogRoutes } from "./routes/catalog.ts";
import { customiseRoutes } from "./routes/customise.ts";
import { doctorRoutes } from "./routes/doctor.ts";
import { downloadRoutes } from "./routes/downloads.ts";
import { eventRoutes } from "./routes/events.ts";
import { healthRoutes } from "./routes/health.ts";
import { eepromRoutes } from "./routes/eeprom.ts";
import { imageRoutes } from "./routes/images.ts";
import { keyRoutes } from "./routes/keys.ts";
import { importRoutes } from "./routes/imports.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { pageRoutes } from "./routes/page.ts";
import { piActionRoutes } from "./routes/pi-actions.ts";
import { piRoutes } from "./routes/pis.ts";
import { referenceRoutes } from "./routes/reference.ts";
import { sessionLifeRoutes } from "./routes/session-life.ts";
import { sessionRoutes } from "./routes/sessions.ts";
import { storageRoutes } from "./routes/storage.ts";

/** The page is its own script and style; nothing of it asks anybody else, and nothing may frame it. */
const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Of every answer. */
const HEADERS = [
  ["x-content-type-options", "nosniff"],
  ["cross-origin-resource-policy", "same-origin"],
  ["content-security-policy", CONTENT_POLICY],
  ["referrer-policy", "no-referrer"],
] as const;

const JSON_TYPE = { "content-type": "application/json" };

/** Makes the API over what is open. */
export function createApi(
  context: ApiContext,
  options: GuardOptions = { keys: undefined },
): OpenAPIHono<ApiEnv> {
  const app = newRouter();
  // Before the guard: what it refuses is looked at by browsers, too.
  app.use(async (c, next) => {
    await next();
    for (const [name, value] of HEADERS) c.header(name, value);
    if (c.req.path.startsWith("/api/") && !c.res.headers.has("cache-control"))
      c.header("cache-control", "no-store");
  });
  app.use(guard(options));
  app.use(async (c, next) => (UPLOADS.test(c.req.path) ? next() : smallBody(c, next)));
  app.route("/", apiRoutes(context));
  let description: Description | undefined;
  // Made when somebody asks: the routes do not change any more.
  const describe = (): Description => (description ??= describeApi(app, context.version));
  app.get("/api/openapi.json", (c) => c.body(JSON.stringify(describe()), 200, JSON_TYPE));
  app.route("/", referenceRoutes(describe));
  app.route("/", metricsRoutes(context));
  app.route("/", pageRoutes());
  app.notFound(nothingHere(app.routes));
  app.onError((error, c) => {
    // Hono's own: a body that is no JSON.
    if (error instanceof HTTPException && error.status === 415)
      return problem(c, 415, {
        code: "bad-request",
        title: "The request is not understood",
        detail: `A body of type ${(c.req.header("content-type") ?? "unknown").slice(0, 100)} is not read here`,
        fix: "Send it with the header content-type: application/json.",
      });
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

/** Every route of the API, in one chain: its type is what the typed client knows. */
export function apiRoutes(context: ApiContext) {
  const streams = new EventStreams();
  return newRouter()
    .route("/api", sessionRoutes(context))
    .route("/api", sessionLifeRoutes(context))
    .route("/api", storageRoutes(context))
    .route("/api", importRoutes(context))
    .route("/api", imageRoutes(context))
    .route("/api", downloadRoutes(context))
    .route("/api", catalogRoutes(context))
    .route("/api", customiseRoutes(context))
    .route("/api", piActionRoutes(context))
    .route("/api", piRoutes(context))
    .route("/api", eepromRoutes(context))
    .route("/api", keyRoutes(context))
    .route("/api", eventRoutes(context, streams))
    .route("/api", healthRoutes(context))
    .route("/api", doctorRoutes(context));
}

/** Where a body is an image; everywhere else it is a small document. */
const UPLOADS = /^\/api\/(?:images\/upload|imports\/[^/]+\/data)$/;
const DOCUMENT_MAX_BYTES = 2 ** 20;

const smallBody = bodyLimit({
  maxSize: DOCUMENT_MAX_BYTES,
  onError: (c) =>
    problem(c, 413, {
      code: "bad-request",
      title: "The request is too large",
      detail: `More than ${DOCUMENT_MAX_BYTES} bytes came`,
      fix: "Images are sent to /api/images/upload.",
    }),
});
