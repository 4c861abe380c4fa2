/** `/api/keys`: who may use the API over the network. */
import { createRoute, z } from "@hono/zod-openapi";
import { ApplianceError, type KeyRecord } from "../../appliance/index.ts";
import { type ApiContext, newRouter } from "../context.ts";
import { json } from "../documents.ts";
import { LOGIN_PATH } from "../guard.ts";
import { problems } from "../problem.ts";
import { CreatedKeySchema, KeyLinkSchema, KeySchema } from "../schemas.ts";

const NAME_MAX_CHARS = 64;

const create = createRoute({
  method: "post",
  path: "/keys",
  summary: "Make a key for a program",
  request: {
    body: {
      required: true,
      content: { "application/json": { schema: z.object({ name: z.string().min(1).max(NAME_MAX_CHARS) }) } },
    },
  },
  responses: { 201: json("The key; it is shown this once", CreatedKeySchema) },
});

const list = createRoute({
  method: "get",
  path: "/keys",
  summary: "Every key: of programs and of browsers that were let in",
  responses: { 200: json("Oldest first", z.array(KeySchema)) },
});

const remove = createRoute({
  method: "delete",
  path: "/keys/{id}",
  summary: "Take a key back",
  request: { params: z.object({ id: z.string().min(1).max(64) }) },
  responses: { 204: { description: "It opens nothing any more" }, ...problems(404) },
});

const link = createRoute({
  method: "post",
  path: "/keys/link",
  summary: "Make a link that lets one browser in, once, within a quarter of an hour",
  responses: { 201: json("The link's path on this server", KeyLinkSchema), ...problems(503) },
});

export function keyRoutes({ appliance: { keys }, serving }: ApiContext) {
  return newRouter()
    .openapi(create, (c) => {
      const { record, key } = keys.create(c.req.valid("json").name);
      return c.json({ ...keyView(record), key }, 201);
    })
    .openapi(list, (c) => c.json(keys.list().map(keyView), 200))
    .openapi(link, (c) => {
      if (!serving)
        throw new ApplianceError(
          "not-serving",
          "No server runs",
          "Start one: pinetboot serve --http 0.0.0.0:8080",
        );
      return c.json({ path: `${LOGIN_PATH}?token=${keys.createLink()}` }, 201);
    })
    .openapi(remove, (c) => {
      keys.remove(c.req.valid("param").id);
      return c.body(null, 204);
    });
}

function keyView({ id, name, createdAt, usedAt }: KeyRecord): z.infer<typeof KeySchema> {
  return {
    id,
    name,
    created_at: new Date(createdAt).toISOString(),
    used_at: usedAt === null ? null : new Date(usedAt).toISOString(),
  };
}
