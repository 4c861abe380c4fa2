/** `/api/catalog`: images to be had elsewhere. */
import { createRoute, z } from "@hono/zod-openapi";
import { catalogOf } from "../../appliance/index.ts";
import { type ApiContext, newRouter } from "../context.ts";
import { problems } from "../problem.ts";
import { CatalogSchema } from "../schemas.ts";
import { catalogView } from "../views.ts";

const URL_MAX_CHARS = 4096;

const show = createRoute({
  method: "get",
  path: "/catalog",
  summary: "Images that can be fetched by name: POST /api/images with catalog",
  request: {
    query: z.object({
      repo: z
        .string()
        .min(1)
        .max(URL_MAX_CHARS)
        .optional()
        .openapi({ description: "Address of a list of Raspberry Pi Imager; without it, the built-in one" }),
    }),
  },
  responses: {
    200: { description: "The catalog", content: { "application/json": { schema: CatalogSchema } } },
    ...problems(404, 504),
  },
});

export function catalogRoutes({ appliance }: ApiContext) {
  return newRouter().openapi(show, async (c) => {
    const catalog = await catalogOf(c.req.valid("query").repo, appliance.library, c.req.raw.signal);
    return c.json(catalogView(catalog, appliance), 200);
  });
}
