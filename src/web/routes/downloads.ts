/** `/api/images/{id}/data` and `/api/sessions/{id}/data`: disks as files that a browser saves. */
import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import {
  type ByteRange,
  type Download,
  DOWNLOAD_FORMATS,
  type DownloadFormat,
} from "../../appliance/index.ts";
import { type ApiContext, newRouter } from "../context.ts";
import { problem, problems } from "../problem.ts";
import { wantedRange } from "../ranges.ts";

const Id = z.object({ id: z.string().min(1).max(256) });
const Format = z.enum(DOWNLOAD_FORMATS).optional().openapi({
  description: "raw (default) has its size and takes a Range; img.xz is packed as it goes",
});
const anyBytes = {
  "application/octet-stream": { schema: z.string().openapi({ type: "string", format: "binary" }) },
};
const responses = {
  200: { description: "The disk", content: anyBytes },
  206: { description: "The part of it that Range asks for", content: anyBytes },
  304: { description: "It is what If-None-Match says" },
  ...problems(404, 409, 416),
};

const image = createRoute({
  method: "get",
  path: "/images/{id}/data",
  summary: "Download an image",
  request: { params: Id, query: z.object({ format: Format }) },
  responses,
});

const session = createRoute({
  method: "get",
  path: "/sessions/{id}/data",
  summary: "Download a session's disk; refused while it is logged in, unless a snapshot is named",
  request: {
    params: Id,
    query: z.object({
      format: Format,
      lun: z.coerce
        .number()
        .int()
        .min(0)
        .max(255)
        .optional()
        .openapi({ description: "Which disk (default: 0)" }),
      snapshot: z.string().min(1).max(64).optional(),
    }),
  },
  responses,
});

export function downloadRoutes({ appliance: { copies } }: ApiContext) {
  return newRouter()
    .openapi(image, (c) => {
      const { format } = c.req.valid("query");
      return answer(c, copies.downloadImage(c.req.valid("param").id), format);
    })
    .openapi(session, (c) => {
      const { format, ...choice } = c.req.valid("query");
      return answer(c, copies.downloadSession(c.req.valid("param").id, choice), format);
    });
}

function answer(c: Context, download: Download, format: DownloadFormat = "raw"): Response {
  const { sizeBytes } = download;
  const whole = { from: 0, to: sizeBytes };
  const etag = `"${download.tag}"`;
  const isRaw = format === "raw";
  const headers = {
    "content-type": "application/octet-stream",
    "content-disposition": `attachment; filename*=UTF-8''${encodeURIComponent(download.name)}.${isRaw ? "img" : format}`,
    "cache-control": "no-store",
    etag,
    ...(isRaw && { "accept-ranges": "bytes" }),
  };
  if (c.req.header("if-none-match") === etag) return c.body(null, 304, { etag });
  if (!isRaw) return c.body(download.open(format, whole), 200, headers);
  // With another content than the one of which it has a part the client needs the whole.
  const isStale = ![undefined, etag].includes(c.req.header("if-range"));
  const wanted = wantedRange(isStale ? undefined : c.req.header("range"), sizeBytes);
  switch (wanted.kind) {
    case "whole":
      return new Response(bytesOf(download, whole), {
        status: 200,
        headers: { ...headers, "content-length": String(sizeBytes) },
      });
    case "part":
      return new Response(bytesOf(download, wanted), {
        status: 206,
        headers: {
          ...headers,
          "content-length": String(wanted.to - wanted.from),
          "content-range": `bytes ${wanted.from}-${wanted.to - 1}/${sizeBytes}`,
        },
      });
    case "unsatisfiable":
      c.header("content-range", `bytes */${sizeBytes}`);
      return problem(c, 416, {
        code: "bad-request",
        title: "There are no such bytes",
        detail: `The disk has ${sizeBytes} bytes`,
        fix: null,
      });
  }
}

/** A file is sent by the system itself, and only then does Bun tell its length. */
function bytesOf({ file, open }: Download, range: ByteRange): ReadableStream<Uint8Array> | Blob {
  return file === undefined ? open("raw", range) : Bun.file(file).slice(range.from, range.to);
}
