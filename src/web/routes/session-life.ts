/** `/api/sessions/{id}/...`: what is done with the content of a session. Refused while it is logged in, but a live snapshot. */
import { createRoute, z } from "@hono/zod-openapi";
import { bytesOf, msOf } from "../amounts.ts";
import { type ApiContext, newRouter } from "../context.ts";
import { body, json } from "../documents.ts";
import { portalFor } from "../portal.ts";
import { problems } from "../problem.ts";
import { CreatedSessionSchema, SessionSchema } from "../schemas.ts";
import {
  BranchSchema,
  RestoreSchema,
  SessionChangeSchema,
  SnapshotCreateSchema,
  SnapshotSchema,
} from "../session-schemas.ts";
import { createdSessionView, sessionView, snapshotView } from "../views.ts";

const Id = z.object({ id: z.string().min(1).max(256).openapi({ description: "The session's id or IQN" }) });
const SnapshotId = Id.extend({ snapshot: z.string().min(1).max(64) });

const change = createRoute({
  method: "patch",
  path: "/sessions/{id}",
  summary: "Change quota and times; a quota counts at once, also while it is logged in",
  request: { params: Id, body: body(SessionChangeSchema) },
  responses: { 200: json("The session", SessionSchema), ...problems(404) },
});

const reset = createRoute({
  method: "post",
  path: "/sessions/{id}/reset",
  summary: "Throw away what was written: the disk begins with its image again",
  request: { params: Id },
  responses: { 200: json("The session", SessionSchema), ...problems(404, 409, 507) },
});

const disconnect = createRoute({
  method: "post",
  path: "/sessions/{id}/disconnect",
  summary: "Ask who is logged in to log out, then close; the session stays, and they may log in again",
  request: { params: Id },
  responses: { 200: json("The session", SessionSchema), ...problems(404) },
});

const snapshots = createRoute({
  method: "get",
  path: "/sessions/{id}/snapshots",
  summary: "The snapshots of a session",
  request: { params: Id },
  responses: { 200: json("Oldest first", z.array(SnapshotSchema)), ...problems(404) },
});

const snapshot = createRoute({
  method: "post",
  path: "/sessions/{id}/snapshots",
  summary: "Give a name to what the disks hold now",
  request: { params: Id, body: body(SnapshotCreateSchema) },
  responses: { 201: json("The snapshot", SnapshotSchema), ...problems(404, 409, 507) },
});

const removeSnapshot = createRoute({
  method: "delete",
  path: "/sessions/{id}/snapshots/{snapshot}",
  summary: "Remove a snapshot, and what only it needed",
  request: { params: SnapshotId },
  responses: { 204: { description: "It is gone" }, ...problems(404) },
});

const restore = createRoute({
  method: "post",
  path: "/sessions/{id}/restore",
  summary: "Take the disks back to a snapshot; what was written since goes",
  request: { params: Id, body: body(RestoreSchema) },
  responses: { 200: json("The session", SessionSchema), ...problems(404, 409, 507) },
});

const branch = createRoute({
  method: "post",
  path: "/sessions/{id}/branch",
  summary: "Make a session that begins with the content of this one, or of a snapshot of it",
  request: { params: Id, body: body(BranchSchema) },
  responses: {
    201: json("The new session; its secret is shown this once", CreatedSessionSchema),
    ...problems(404, 409, 507),
  },
});

export function sessionLifeRoutes({ appliance, serving }: ApiContext) {
  const { sessions, life } = appliance;
  const view = (id: string, url: string) => sessionView(appliance, sessions.get(id), portalFor(url, serving));
  return newRouter()
    .openapi(change, async (c) => {
      const { quota, ttl_seconds, evict_after_seconds, ephemeral } = c.req.valid("json");
      const { id } = await sessions.change(c.req.valid("param").id, {
        quotaBytes: quota === null ? null : bytesOf(quota),
        ttlMs: ttl_seconds === null ? null : msOf(ttl_seconds),
        evictAfterMs: msOf(evict_after_seconds),
        ephemeral,
      });
      return c.json(view(id, c.req.url), 200);
    })
    .openapi(reset, async (c) => {
      const { id } = c.req.valid("param");
      await life.reset(id);
      return c.json(view(id, c.req.url), 200);
    })
    .openapi(disconnect, async (c) => {
      const { id } = c.req.valid("param");
      await sessions.disconnect(id);
      return c.json(view(id, c.req.url), 200);
    })
    .openapi(snapshots, (c) => c.json(life.snapshots(c.req.valid("param").id).map(snapshotView), 200))
    .openapi(snapshot, async (c) => {
      const { name, live } = c.req.valid("json");
      const taken = await life.snapshot(c.req.valid("param").id, { name, live: live === true });
      return c.json(snapshotView(taken), 201);
    })
    .openapi(removeSnapshot, async (c) => {
      const { id, snapshot: name } = c.req.valid("param");
      await life.removeSnapshot(id, name);
      return c.body(null, 204);
    })
    .openapi(restore, async (c) => {
      const { id } = c.req.valid("param");
      await life.restore(id, c.req.valid("json").snapshot);
      return c.json(view(id, c.req.url), 200);
    })
    .openapi(branch, async (c) => {
      const { snapshot: from, ephemeral, ttl_seconds, quota } = c.req.valid("json");
      const session = await life.branch(c.req.valid("param").id, {
        snapshot: from,
        ephemeral,
        ttlMs: msOf(ttl_seconds),
        quotaBytes: bytesOf(quota),
      });
      return c.json(createdSessionView(appliance, session, portalFor(c.req.url, serving)), 201);
    });
}
