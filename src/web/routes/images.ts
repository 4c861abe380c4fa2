/** `/api/images` and `/api/imports`. */
import { statSync } from "node:fs";
import { isAbsolute } from "node:path";
import { createRoute, z } from "@hono/zod-openapi";
import { ApplianceError } from "../../appliance/index.ts";
import { type ApiContext, newRouter } from "../context.ts";
import { problems } from "../problem.ts";
import { ImageInfoSchema, ImageSchema, ImportCreateSchema, ImportSchema } from "../schemas.ts";
import { imageView, importView } from "../views.ts";

const READABLE_BY_ALL = 0o004;

const Id = z.object({ id: z.string().min(1).max(256) });
const json = <T extends z.ZodType>(description: string, schema: T) => ({
  description,
  content: { "application/json": { schema } },
});

const list = createRoute({
  method: "get",
  path: "/images",
  summary: "Every image; blank is always there",
  responses: { 200: json("The images", z.array(ImageSchema)) },
});

const info = createRoute({
  method: "get",
  path: "/images/{id}",
  summary: "One image by id, the beginning of it, or name",
  request: { params: Id },
  responses: { 200: json("The image", ImageInfoSchema), ...problems(404) },
});

const remove = createRoute({
  method: "delete",
  path: "/images/{id}",
  summary: "Remove an image; refused while a session needs it",
  request: { params: Id },
  responses: { 204: { description: "It is gone" }, ...problems(404, 409) },
});

const startImport = createRoute({
  method: "post",
  path: "/images",
  summary: "Import an image from a file of this computer",
  request: { body: { required: true, content: { "application/json": { schema: ImportCreateSchema } } } },
  responses: {
    202: json("It has begun; follow it at /api/imports/{id}", ImportSchema),
    ...problems(400, 403, 409),
  },
});

const imports = createRoute({
  method: "get",
  path: "/imports",
  summary: "Imports under way and those that ended lately",
  responses: { 200: json("The imports", z.array(ImportSchema)) },
});

const getImport = createRoute({
  method: "get",
  path: "/imports/{id}",
  summary: "How far an import is",
  request: { params: Id },
  responses: { 200: json("The import", ImportSchema), ...problems(404) },
});

const cancelImport = createRoute({
  method: "delete",
  path: "/imports/{id}",
  summary: "Stop an import; nothing of it stays",
  request: { params: Id },
  responses: { 204: { description: "It has ended" }, ...problems(404) },
});

export function imageRoutes({ appliance }: ApiContext) {
  const { library, imports: jobs, sessions, pis } = appliance;
  return newRouter()
    .openapi(list, (c) => c.json(library.list().map(imageView), 200))
    .openapi(info, async (c) => {
      const image = await library.info(c.req.valid("param").id);
      return c.json(
        {
          ...imageView(image),
          allocated_bytes: image.allocatedBytes,
          partition_scheme: image.partitions.scheme,
          partitions: image.partitions.entries.map((entry) => ({
            number: entry.number,
            start_bytes: entry.offsetBytes,
            size_bytes: entry.sizeBytes,
            type: entry.type,
          })),
          used_by: sessions.usersOf(image.id),
        },
        200,
      );
    })
    .openapi(remove, async (c) => {
      await library.remove(c.req.valid("param").id, { inUse: (id) => appliance.usersOfImage(id) });
      return c.body(null, 204);
    })
    .openapi(startImport, (c) => {
      const { path, name } = c.req.valid("json");
      if (!isAbsolute(path))
        throw new ApplianceError(
          "bad-request",
          `${path} is not a whole path`,
          "Give the path from the root on.",
        );
      if (c.env.via === "tcp") refuseSecretFile(path);
      return c.json(importView(jobs.start(path, name, () => pis.onChange())), 202);
    })
    .openapi(imports, (c) => c.json(jobs.all().map(importView), 200))
    .openapi(getImport, (c) => c.json(importView(jobs.get(c.req.valid("param").id)), 200))
    .openapi(cancelImport, async (c) => {
      await jobs.cancel(c.req.valid("param").id);
      return c.body(null, 204);
    });
}

/**
 * Every user of this computer reaches the TCP port: a server that runs as root must not read for them what they could
 * not read themselves. The commands come by the socket, which is its owner's alone.
 */
function refuseSecretFile(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (process.geteuid?.() !== 0 || !found || (found.mode & READABLE_BY_ALL) !== 0) return;
  throw new ApplianceError(
    "not-permitted",
    `${path} is not readable by everyone, and this server runs as root`,
    "Import it on the command line: pinetboot image import FILE",
  );
}
