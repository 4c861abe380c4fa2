/** Commit, export, and what all of it takes: `/api/sessions/{id}/commit`, `/api/jobs`, `/api/storage`, ... */
import { isAbsolute } from "node:path";
import { createRoute, z } from "@hono/zod-openapi";
import { ApplianceError } from "../../appliance/index.ts";
import { type ApiContext, newRouter } from "../context.ts";
import { body, json } from "../documents.ts";
import { problems } from "../problem.ts";
import {
  CollectedSchema,
  CommitSchema,
  GcSchema,
  HistorySchema,
  ImageExportSchema,
  JobSchema,
  SessionExportSchema,
  StorageSchema,
} from "../storage-schemas.ts";
import { historyView, jobView, storageView } from "../storage-views.ts";

const Id = z.object({ id: z.string().min(1).max(256) });
const begun = "It has begun; follow it at /api/jobs/{id}";

const commit = createRoute({
  method: "post",
  path: "/sessions/{id}/commit",
  summary: "Make an image of a session's disk; refused while it is logged in, unless a snapshot is named",
  request: { params: Id, body: body(CommitSchema) },
  responses: { 202: json(begun, JobSchema), ...problems(404, 409) },
});

const exportSession = createRoute({
  method: "post",
  path: "/sessions/{id}/export",
  summary: "Write a session's disk to a file of the server's computer; by the server's socket alone",
  request: { params: Id, body: body(SessionExportSchema) },
  responses: { 202: json(begun, JobSchema), ...problems(403, 404, 409) },
});

const exportImage = createRoute({
  method: "post",
  path: "/images/{id}/export",
  summary: "Write an image to a file of the server's computer; by the server's socket alone",
  request: { params: Id, body: body(ImageExportSchema) },
  responses: { 202: json(begun, JobSchema), ...problems(403, 404, 409) },
});

const jobs = createRoute({
  method: "get",
  path: "/jobs",
  summary: "Commits and exports under way and those that ended lately",
  responses: { 200: json("The jobs", z.array(JobSchema)) },
});

const job = createRoute({
  method: "get",
  path: "/jobs/{id}",
  summary: "How far a commit or an export is",
  request: { params: Id },
  responses: { 200: json("The job", JobSchema), ...problems(404) },
});

const cancel = createRoute({
  method: "delete",
  path: "/jobs/{id}",
  summary: "Stop a commit or an export; nothing of it stays",
  request: { params: Id },
  responses: { 204: { description: "It has ended" }, ...problems(404) },
});

const history = createRoute({
  method: "get",
  path: "/images/{id}/history",
  summary: "What an image came from, the image itself first",
  request: { params: Id },
  responses: { 200: json("The chain", HistorySchema), ...problems(404) },
});

const storage = createRoute({
  method: "get",
  path: "/storage",
  summary: "What images and sessions take on the host's disk, in real blocks",
  responses: { 200: json("Exclusive and shared", StorageSchema) },
});

const gc = createRoute({
  method: "post",
  path: "/storage/gc",
  summary: "Remove what no session, layer or Pi needs: lost files, images without a name",
  request: { body: body(GcSchema) },
  responses: { 200: json("What went, or would go", CollectedSchema) },
});

export function storageRoutes({ appliance }: ApiContext) {
  const { copies, copyJobs, library, pis } = appliance;
  return newRouter()
    .openapi(commit, (c) => {
      const started = copies.commit(c.req.valid("param").id, c.req.valid("json"), () => pis.onChange());
      return c.json(jobView(started), 202);
    })
    .openapi(exportSession, (c) => {
      const { lun, snapshot, ...target } = c.req.valid("json");
      const request = requestOf(target, c.env.via);
      return c.json(jobView(copies.exportSession(c.req.valid("param").id, { lun, snapshot }, request)), 202);
    })
    .openapi(exportImage, (c) => {
      const request = requestOf(c.req.valid("json"), c.env.via);
      return c.json(jobView(copies.exportImage(c.req.valid("param").id, request)), 202);
    })
    .openapi(jobs, (c) => c.json(copyJobs.all().map(jobView), 200))
    .openapi(job, (c) => c.json(jobView(copyJobs.get(c.req.valid("param").id)), 200))
    .openapi(cancel, async (c) => {
      await copyJobs.cancel(c.req.valid("param").id);
      return c.body(null, 204);
    })
    .openapi(history, (c) => c.json(historyView(library, c.req.valid("param").id), 200))
    .openapi(storage, async (c) => c.json(storageView(await appliance.usage()), 200))
    .openapi(gc, async (c) => {
      const dryRun = c.req.valid("json").dry_run === true;
      const items = await appliance.collectGarbage({ dryRun });
      const bytes = items.reduce((sum, item) => sum + item.bytes, 0);
      return c.json({ dry_run: dryRun, items: [...items], bytes }, 200);
    });
}

/**
 * Every user of this computer reaches the TCP port; the server must not write for them where they could not write
 * themselves. The commands come by the socket, which is its owner's alone.
 */
function requestOf(
  { path, format = "raw", replace }: z.infer<typeof ImageExportSchema>,
  via: "tcp" | "own" | undefined,
) {
  if (via === "tcp")
    throw new ApplianceError(
      "not-permitted",
      "The server writes files for its owner alone, who comes by its socket",
      "On the command line: pinetboot session export ID FILE",
    );
  if (!isAbsolute(path))
    throw new ApplianceError("bad-request", `${path} is not a whole path`, "Give the path from the root on.");
  return { path, format, replace };
}
