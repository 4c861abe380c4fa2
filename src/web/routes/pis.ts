/** `/api/pis`. */
import { createRoute, z } from "@hono/zod-openapi";
import { type ApiContext, newRouter } from "../context.ts";
import { PageQuery, pageOf, placeAt } from "../pages.ts";
import { assigner, PiKey } from "../pi-assignment.ts";
import { problems } from "../problem.ts";
import { AssignSchema, PiSchema } from "../schemas.ts";
import { piView } from "../views.ts";

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
  request: { params: PiKey },
  responses: { 200: onePi, ...problems(404) },
});

const choose = createRoute({
  method: "put",
  path: "/pis/{key}/assignment",
  summary: "Choose what a Pi boots; one that waits goes on at once",
  request: {
    params: PiKey,
    body: { required: true, content: { "application/json": { schema: AssignSchema } } },
  },
  responses: { 200: onePi, ...problems(404) },
});

const forget = createRoute({
  method: "delete",
  path: "/pis/{key}",
  summary: "Forget a Pi and remove its sessions; refused while its disk is in use, unless forced",
  request: { params: PiKey, query: z.object({ force: z.enum(["true", "false"]).optional() }) },
  responses: { 204: { description: "It is forgotten" }, ...problems(404, 409) },
});

export function piRoutes(context: ApiContext) {
  const { pis } = context.appliance;
  const assign = assigner(context);
  return newRouter()
    .openapi(list, (c) => {
      const page = pageOf(
        c,
        pis.list(),
        ({ key, firstSeen }) => placeAt(firstSeen, key),
        c.req.valid("query"),
      );
      return c.json(page.map(piView), 200);
    })
    .openapi(get, (c) => c.json(piView(pis.get(c.req.valid("param").key)), 200))
    .openapi(choose, (c) => c.json(piView(assign(c.req.valid("param").key, c.req.valid("json"))), 200))
    .openapi(forget, async (c) => {
      await pis.forget(c.req.valid("param").key, { force: c.req.valid("query").force === "true" });
      return c.body(null, 204);
    });
}
