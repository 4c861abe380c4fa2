/** `/api/sessions`: scsipub's calls. */
import { createRoute, z } from "@hono/zod-openapi";
import { ApplianceError, checkCustomisation, type DiskRequest } from "../../appliance/index.ts";
import { bytesOf, msOf } from "../amounts.ts";
import { type ApiContext, newRouter } from "../context.ts";
import { PageQuery, pageOf, placeAt } from "../pages.ts";
import { portalFor } from "../portal.ts";
import { problems } from "../problem.ts";
import { CreatedSessionSchema, SessionCreateSchema, SessionSchema } from "../schemas.ts";
import { requestOf } from "./customise.ts";
import { createdSessionView, sessionView } from "../views.ts";

const Id = z.object({ id: z.string().min(1).max(256).openapi({ description: "The session's id or IQN" }) });

const IDEMPOTENCY_KEY_MAX_CHARS = 255;

const create = createRoute({
  method: "post",
  path: "/sessions",
  summary: "Make a disk that any iSCSI initiator can use",
  request: {
    headers: z.object({
      "idempotency-key": z
        .string()
        .min(1)
        .max(IDEMPOTENCY_KEY_MAX_CHARS)
        .optional()
        .openapi({ description: "The same key gives the same session for a day, however often it is asked" }),
    }),
    body: { required: true, content: { "application/json": { schema: SessionCreateSchema } } },
  },
  responses: {
    201: {
      description: "The session; its secret is shown this once",
      content: { "application/json": { schema: CreatedSessionSchema } },
    },
    ...problems(404, 507),
  },
});

const list = createRoute({
  method: "get",
  path: "/sessions",
  summary: "Every session",
  request: { query: PageQuery },
  responses: {
    200: { description: "Oldest first", content: { "application/json": { schema: z.array(SessionSchema) } } },
  },
});

const get = createRoute({
  method: "get",
  path: "/sessions/{id}",
  summary: "One session",
  request: { params: Id },
  responses: {
    200: { description: "The session", content: { "application/json": { schema: SessionSchema } } },
    ...problems(404),
  },
});

const remove = createRoute({
  method: "delete",
  path: "/sessions/{id}",
  summary: "Remove a session and what was written in it; refused while it is logged in, unless forced",
  request: { params: Id, query: z.object({ force: z.enum(["true", "false"]).optional() }) },
  responses: { 204: { description: "It is gone" }, ...problems(404, 409) },
});

const unfence = createRoute({
  method: "post",
  path: "/sessions/{id}/unfence",
  summary: "Let initiators in again that used the disk when this computer lost power",
  request: { params: Id },
  responses: {
    200: { description: "The session", content: { "application/json": { schema: SessionSchema } } },
    ...problems(404),
  },
});

export function sessionRoutes({ appliance, serving }: ApiContext) {
  const portal = (url: string) => portalFor(url, serving);
  return newRouter()
    .openapi(create, async (c) => {
      const body = c.req.valid("json");
      const key = c.req.valid("header")["idempotency-key"];
      const make = async () => {
        // Looked at first: a session whose settings are refused is not made.
        const settings = body.customise && checkCustomisation(requestOf(body.customise));
        const made = await appliance.sessions.create({
          disks: disksOf(body),
          ephemeral: body.ephemeral,
          ttlMs: msOf(body.ttl_seconds),
          evictAfterMs: msOf(body.evict_after_seconds),
          quotaBytes: bytesOf(body.quota),
        });
        if (settings) appliance.customiser.set("session", made.id, settings);
        return made;
      };
      const session = await (key === undefined ? make() : appliance.once.session(key, body, make));
      return c.json(createdSessionView(appliance, session, portal(c.req.url)), 201);
    })
    .openapi(list, (c) => {
      const page = pageOf(
        c,
        appliance.sessions.all(),
        ({ id, createdAt }) => placeAt(createdAt, id),
        c.req.valid("query"),
      );
      return c.json(
        page.map((session) => sessionView(appliance, session, portal(c.req.url))),
        200,
      );
    })
    .openapi(get, (c) => {
      const session = appliance.sessions.get(c.req.valid("param").id);
      return c.json(sessionView(appliance, session, portal(c.req.url)), 200);
    })
    .openapi(unfence, async (c) => {
      const session = appliance.sessions.get(c.req.valid("param").id);
      await appliance.sessions.fence.lift(session);
      return c.json(sessionView(appliance, session, portal(c.req.url)), 200);
    })
    .openapi(remove, async (c) => {
      await appliance.sessions.remove(c.req.valid("param").id, {
        force: c.req.valid("query").force === "true",
      });
      return c.body(null, 204);
    });
}

function disksOf({ image, images, size }: z.infer<typeof SessionCreateSchema>): readonly DiskRequest[] {
  if (image !== undefined) return [{ image, sizeBytes: bytesOf(size) }];
  if (size !== undefined)
    throw new ApplianceError("bad-request", "size goes with image; in images each disk has its own");
  return (images ?? []).map((disk) =>
    typeof disk === "string" ? { image: disk } : { image: disk.image, sizeBytes: bytesOf(disk.size) },
  );
}
