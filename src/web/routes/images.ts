/** `/api/images`. */
import { createRoute, z } from "@hono/zod-openapi";
import { BLANK } from "../../appliance/index.ts";
import { type ApiContext, newRouter } from "../context.ts";
import { json } from "../documents.ts";
import { PageQuery, pageOf, type Place } from "../pages.ts";
import { problems } from "../problem.ts";
import { ImageInfoSchema, ImageSchema } from "../schemas.ts";
import { imageView, type LibraryImage } from "../views.ts";

const Id = z.object({ id: z.string().min(1).max(256) });

const list = createRoute({
  method: "get",
  path: "/images",
  summary: "Every image; blank is always there",
  request: { query: PageQuery },
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

export function imageRoutes({ appliance }: ApiContext) {
  const { library, sessions } = appliance;
  return newRouter()
    .openapi(list, (c) => {
      const page = pageOf(c, library.list(), placeOf, c.req.valid("query"));
      return c.json(page.map(imageView), 200);
    })
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
    });
}

/** Blank is before everything. */
function placeOf(image: LibraryImage): Place {
  return { at: image.id === BLANK ? "" : image.importedAt, id: image.id };
}
