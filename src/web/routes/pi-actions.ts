/** `/api/pis/{key}/...` and `/api/pis/actions`: what is done with a Pi, with a group, or with all of them. */
import { createRoute, type z } from "@hono/zod-openapi";
import { ApplianceError, doWithMany, selectPis } from "../../appliance/index.ts";
import { type ApiContext, newRouter } from "../context.ts";
import { body, json } from "../documents.ts";
import { assigner, PiKey } from "../pi-assignment.ts";
import { problems } from "../problem.ts";
import { PiActionSchema, PiChangeSchema, PiResultsSchema, PiSchema, PiToldSchema } from "../schemas.ts";
import { piView } from "../views.ts";

const change = createRoute({
  method: "patch",
  path: "/pis/{key}",
  summary: "Give a Pi a name, put it into a group; it need not have been seen yet",
  request: { params: PiKey, body: body(PiChangeSchema) },
  responses: { 200: json("The Pi", PiSchema), ...problems(409) },
});

const reset = createRoute({
  method: "post",
  path: "/pis/{key}/reset",
  summary: "Throw away what a Pi wrote; refused while it runs",
  request: { params: PiKey },
  responses: { 200: json("The Pi", PiSchema), ...problems(404, 409, 507) },
});

const told = {
  request: { params: PiKey },
  responses: { 200: json("It was told, or will be", PiToldSchema), ...problems(404, 409) },
} as const;

const reboot = createRoute({
  method: "post",
  path: "/pis/{key}/reboot",
  summary: "Have a Pi restart, while the boot shim waits on it; after that nothing of ours listens there",
  ...told,
});

const blink = createRoute({
  method: "post",
  path: "/pis/{key}/blink",
  summary: "Have a Pi blink its LED, while the boot shim waits on it",
  ...told,
});

const actions = createRoute({
  method: "post",
  path: "/pis/actions",
  summary: "Do the same with several Pis, a group, or all; one that fails does not keep it from the others",
  request: { body: body(PiActionSchema) },
  responses: { 200: json("What came of it, Pi by Pi", PiResultsSchema), ...problems(404) },
});

export function piActionRoutes(context: ApiContext) {
  const { pis } = context.appliance;
  const assign = assigner(context);
  const workOf = (request: z.infer<typeof PiActionSchema>): ((name: string) => string | Promise<string>) => {
    switch (request.action) {
      case "assign": {
        const wanted = request.assign;
        if (!wanted) throw missing("assign");
        return (name) => {
          assign(name, wanted);
          return `Boots ${wanted.image} from now on`;
        };
      }
      case "set": {
        const names = request.set;
        if (!names) throw missing("set");
        return (name) => {
          pis.name(name, names);
          return "Changed";
        };
      }
      case "reset":
        return (name) => pis.reset(name);
      case "reboot":
      case "blink": {
        const { action } = request;
        return (name) => pis.order(name, action);
      }
      case "forget":
        return async (name) => {
          await pis.forget(name, { force: request.force === true });
          return "It is forgotten";
        };
    }
  };
  const tell = (name: string, order: "reboot" | "blink"): z.infer<typeof PiToldSchema> => ({
    pi: pis.keyOf(name),
    detail: pis.order(name, order),
  });
  return newRouter()
    .openapi(actions, async (c) => {
      const request = c.req.valid("json");
      const work = workOf(request);
      const names = selectPis(pis, request);
      const keys = new Map(names.map((name) => [name, pis.keyOf(name)]));
      return c.json({ results: [...(await doWithMany(names, (name) => keys.get(name) ?? name, work))] }, 200);
    })
    .openapi(change, (c) => c.json(piView(pis.name(c.req.valid("param").key, c.req.valid("json"))), 200))
    .openapi(reset, async (c) => {
      const { key } = c.req.valid("param");
      await pis.reset(key);
      return c.json(piView(pis.get(key)), 200);
    })
    .openapi(reboot, (c) => c.json(tell(c.req.valid("param").key, "reboot"), 200))
    .openapi(blink, (c) => c.json(tell(c.req.valid("param").key, "blink"), 200));
}

function missing(action: string): ApplianceError {
  return new ApplianceError(
    "bad-request",
    `The action ${action} wants an object "${action}"`,
    "See /api/openapi.json.",
  );
}
