/** `/api/pis`. */
import { createRoute, z } from "@hono/zod-openapi";
import { checkCustomisation } from "../../appliance/index.ts";
import { type ApiContext, newRouter } from "../context.ts";
import { PageQuery, pageOf } from "../pages.ts";
import { problems } from "../problem.ts";
import { AssignSchema, PiSchema } from "../schemas.ts";
import { requestOf } from "./customise.ts";
import { piView } from "../views.ts";

const Key = z.object({
  key: z
    .string()
    .min(1)
    .max(64)
    .openapi({ description: "8 to 16 hex digits of the serial number, or the MAC" }),
});
const onePi = { description: "The Pi", content: { "application/json": { schema: PiSchema } } };

const list = createRoute({
  method: "get",
  path: "/pis",
  summary: "Every Pi that was seen or chosen for",
  request: { query: PageQuery },
  responses: {
    200: { description: "The Pis", content: { "application/json": { schema: z.array(PiSchema) } } },
  },
});

const get = createRoute({
  method: "get",
  path: "/pis/{key}",
  summary: "One Pi",
  request: { params: Key },
  responses: { 200: onePi, ...problems(400, 404) },
});

const assign = createRoute({
  method: "put",
  path: "/pis/{key}/assignment",
  summary: "Choose what a Pi boots; one that waits goes on at once",
  request: {
    params: Key,
    body: { required: true, content: { "application/json": { schema: AssignSchema } } },
  },
  responses: { 200: onePi, ...problems(400, 404) },
});

const forget = createRoute({
  method: "delete",
  path: "/pis/{key}",
  summary: "Forget a Pi and remove its sessions; refused while its disk is in use, unless forced",
  request: { params: Key, query: z.object({ force: z.enum(["true", "false"]).optional() }) },
  responses: { 204: { description: "It is forgotten" }, ...problems(400, 404, 409) },
});

export function piRoutes({ appliance: { customiser, pis }, serving }: ApiContext) {
  return newRouter()
    .openapi(list, (c) =>
      c.json(pageOf(c, pis.list(), ({ key }) => key, c.req.valid("query")).map(piView), 200),
    )
    .openapi(get, (c) => c.json(piView(pis.get(c.req.valid("param").key)), 200))
    .openapi(assign, (c) => {
      const { image, mode, variant, persistent, customise } = c.req.valid("json");
      const settings = customise && checkCustomisation(requestOf(customise));
      const choice = {
        image,
        mode: mode ?? serving?.policy.mode ?? "pivot",
        variant: variant ?? serving?.policy.variant ?? "ethernet",
        persistent: persistent ?? true,
      } as const;
      const pi = pis.assign(c.req.valid("param").key, choice);
      // In the same turn: a Pi that waits for the choice has not gone on yet.
      if (settings) customiser.set("pi", pi.key, settings);
      return c.json(piView(pi), 200);
    })
    .openapi(forget, async (c) => {
      await pis.forget(c.req.valid("param").key, { force: c.req.valid("query").force === "true" });
      return c.body(null, 204);
    });
}
