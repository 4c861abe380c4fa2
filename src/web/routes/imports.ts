/** `/api/imports`, what begins them, and uploads. */
import { statSync } from "node:fs";
import { isAbsolute } from "node:path";
import { createRoute, z } from "@hono/zod-openapi";
import { ApplianceError, type ImportFrom } from "../../appliance/index.ts";
import { type ApiContext, newRouter } from "../context.ts";
import { json } from "../documents.ts";
import { problems } from "../problem.ts";
import { ImageSchema, ImportCreateSchema, ImportSchema, UploadQuerySchema } from "../schemas.ts";
import { imageView, importView } from "../views.ts";

const READABLE_BY_ALL = 0o004;

const Id = z.object({ id: z.string().min(1).max(256) });
const anyBytes = {
  content: {
    "application/octet-stream": { schema: z.string().openapi({ type: "string", format: "binary" }) },
  },
};

const start = createRoute({
  method: "post",
  path: "/images",
  summary: "Import an image: from a file of this computer, an address, a catalog, or as an upload",
  request: { body: { required: true, content: { "application/json": { schema: ImportCreateSchema } } } },
  responses: {
    202: json("It has begun; follow it at /api/imports/{id}", ImportSchema),
    ...problems(403, 409),
  },
});

const list = createRoute({
  method: "get",
  path: "/imports",
  summary: "Imports under way and those that ended lately",
  responses: { 200: json("The imports", z.array(ImportSchema)) },
});

const get = createRoute({
  method: "get",
  path: "/imports/{id}",
  summary: "How far an import is",
  request: { params: Id },
  responses: { 200: json("The import", ImportSchema), ...problems(404) },
});

const cancel = createRoute({
  method: "delete",
  path: "/imports/{id}",
  summary: "Stop an import; nothing of it stays",
  request: { params: Id },
  responses: { 204: { description: "It has ended" }, ...problems(404) },
});

const data = createRoute({
  method: "put",
  path: "/imports/{id}/data",
  summary: "Bytes of an upload. After a cut, GET the import and send the rest from its upload_offset on",
  request: {
    params: Id,
    headers: z.object({
      "upload-offset": z.coerce
        .number()
        .int()
        .nonnegative()
        .optional()
        .openapi({ description: "Where these bytes begin; 0 when it is left away" }),
    }),
    body: { required: true, ...anyBytes },
  },
  responses: {
    200: json("They were taken; the import may still be at work", ImportSchema),
    ...problems(404, 409, 507),
  },
});

const uploadRoute = (method: "post" | "put") =>
  createRoute({
    method,
    path: "/images/upload",
    summary: "Import the body of this request, and answer when it is in the library",
    request: { query: UploadQuerySchema, body: { required: true, ...anyBytes } },
    responses: {
      201: json("The image", ImageSchema),
      200: json("The image, which the library had before", ImageSchema),
      ...problems(409, 507),
    },
  });

export function importRoutes({ appliance }: ApiContext) {
  const { library, imports: jobs, pis } = appliance;
  const onDone = (): void => pis.onChange();

  async function oneUpload(
    query: z.infer<typeof UploadQuerySchema>,
    request: Request,
  ): Promise<{ readonly status: 200 | 201; readonly image: z.infer<typeof ImageSchema> }> {
    const { file, ...wanted } = query;
    const from = { kind: "upload", label: file ?? "upload", sizeBytes: lengthOf(request) } as const;
    const { id } = jobs.start({ from, ...wanted }, onDone);
    try {
      await jobs.upload(id).take(bodyOf(request), undefined);
    } catch (error) {
      // Cut off, or the import has ended before its bytes: then that is what is said.
      await jobs.cancel(id);
      const { error: failure } = jobs.get(id);
      if (request.signal.aborted || !failure) throw error;
    }
    const job = await jobs.ended(id);
    if (job.error) throw new ApplianceError(job.error.code, job.error.message, job.error.fix ?? undefined);
    return { status: job.alreadyThere ? 200 : 201, image: imageView(library.get(job.image ?? "")) };
  }

  return newRouter()
    .openapi(uploadRoute("put"), async (c) => {
      const { status, image } = await oneUpload(c.req.valid("query"), c.req.raw);
      return c.json(image, status);
    })
    .openapi(uploadRoute("post"), async (c) => {
      const { status, image } = await oneUpload(c.req.valid("query"), c.req.raw);
      return c.json(image, status);
    })
    .openapi(start, (c) => {
      const body = c.req.valid("json");
      const from = fromOf(body);
      if (from.kind === "path" && c.env.via === "tcp") refuseSecretFile(from.path);
      const { name, sha256, format } = body;
      return c.json(importView(jobs.start({ from, name, sha256, format }, onDone), appliance), 202);
    })
    .openapi(list, (c) =>
      c.json(
        jobs.all().map((job) => importView(job, appliance)),
        200,
      ),
    )
    .openapi(get, (c) => c.json(importView(jobs.get(c.req.valid("param").id), appliance), 200))
    .openapi(cancel, async (c) => {
      await jobs.cancel(c.req.valid("param").id);
      return c.body(null, 204);
    })
    .openapi(data, async (c) => {
      const { id } = c.req.valid("param");
      const upload = jobs.upload(id);
      try {
        await upload.take(bodyOf(c.req.raw), c.req.valid("header")["upload-offset"]);
      } catch (error) {
        // An import that failed takes no more bytes: its own words say why.
        if (error instanceof ApplianceError || c.req.raw.signal.aborted) throw error;
        const { error: failure } = await jobs.ended(id);
        if (!failure) throw error;
        throw new ApplianceError(failure.code, failure.message, failure.fix ?? undefined);
      }
      return c.json(importView(jobs.get(id), appliance), 200);
    });
}

function fromOf({ path, url, upload, catalog }: z.infer<typeof ImportCreateSchema>): ImportFrom {
  if (path !== undefined) {
    if (!isAbsolute(path))
      throw new ApplianceError(
        "bad-request",
        `${path} is not a whole path`,
        "Give the path from the root on.",
      );
    return { kind: "path", path };
  }
  if (url !== undefined) return { kind: "url", url };
  if (catalog) return { kind: "catalog", entry: catalog.name, repo: catalog.repo };
  return { kind: "upload", label: upload?.file ?? "upload", sizeBytes: upload?.size_bytes };
}

function bodyOf(request: Request): ReadableStream<Uint8Array> {
  if (request.body) return request.body;
  throw new ApplianceError("bad-request", "There are no bytes in the request", "Send the image as its body.");
}

function lengthOf(request: Request): number | undefined {
  const length = Number(request.headers.get("content-length"));
  return Number.isSafeInteger(length) && length > 0 ? length : undefined;
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
