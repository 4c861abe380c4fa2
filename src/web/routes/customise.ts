/** `/api/sessions/{id}/customise` and `/api/pis/{key}/customise`: what a Pi is to be like at its first start. */
import { createRoute, z } from "@hono/zod-openapi";
import {
  type Customisation,
  type CustomiseRequest,
  type SessionRecord,
  checkCustomisation,
} from "../../appliance/index.ts";
import { type ApiContext, newRouter } from "../context.ts";
import { CustomiseSchema, CustomisedSchema } from "../customise-schemas.ts";
import { problems } from "../problem.ts";

const OWNERS = {
  session: {
    path: "/sessions/{id}/customise",
    of: "a session",
    params: z.object({ id: z.string().min(1).max(256) }),
  },
  pi: { path: "/pis/{id}/customise", of: "a Pi", params: z.object({ id: z.string().min(1).max(64) }) },
} as const;

const settings = {
  description: "The settings",
  content: { "application/json": { schema: CustomisedSchema } },
};

function routesOf({ path, of, params }: (typeof OWNERS)["session"] | (typeof OWNERS)["pi"]) {
  return {
    get: createRoute({
      method: "get",
      path,
      summary: `What ${of} is to be like at its first start`,
      request: { params },
      responses: { 200: settings, ...problems(404) },
    }),
    put: createRoute({
      method: "put",
      path,
      summary: `Say what ${of} is to be like at its first start; what was said before goes`,
      request: {
        params,
        body: { required: true, content: { "application/json": { schema: CustomiseSchema } } },
      },
      responses: { 200: settings, ...problems(404) },
    }),
    remove: createRoute({
      method: "delete",
      path,
      summary: `Take back what ${of} is to be like`,
      request: { params },
      responses: { 204: { description: "Nothing is customised any more" }, ...problems(404) },
    }),
  };
}

export function customiseRoutes({ appliance }: ApiContext) {
  const { customiser, sessions, pis } = appliance;
  const ofSession = routesOf(OWNERS.session);
  const ofPi = routesOf(OWNERS.pi);
  const showSession = (id: string) => {
    const session = sessions.get(id);
    return customisedView(customiser.get("session", session.id), [session]);
  };
  const showPi = (id: string) => {
    const { key } = pis.get(id);
    return customisedView(
      customiser.get("pi", key),
      sessions.all().filter((session) => session.pi === key),
    );
  };
  return newRouter()
    .openapi(ofSession.get, (c) => c.json(showSession(c.req.valid("param").id), 200))
    .openapi(ofSession.put, (c) => {
      const { id } = sessions.get(c.req.valid("param").id);
      customiser.set("session", id, checkCustomisation(requestOf(c.req.valid("json"))));
      return c.json(showSession(id), 200);
    })
    .openapi(ofSession.remove, (c) => {
      customiser.set("session", sessions.get(c.req.valid("param").id).id, undefined);
      return c.body(null, 204);
    })
    .openapi(ofPi.get, (c) => c.json(showPi(c.req.valid("param").id), 200))
    .openapi(ofPi.put, (c) => {
      const { key } = pis.get(c.req.valid("param").id);
      customiser.set("pi", key, checkCustomisation(requestOf(c.req.valid("json"))));
      return c.json(showPi(key), 200);
    })
    .openapi(ofPi.remove, (c) => {
      customiser.set("pi", pis.get(c.req.valid("param").id).key, undefined);
      return c.body(null, 204);
    });
}

/** The appliance's words for what came in. */
export function requestOf(body: z.infer<typeof CustomiseSchema>): CustomiseRequest {
  const { keep_names: keepNames, password_hash: passwordHash, ssh_keys: sshKeys, ...rest } = body;
  return { ...rest, keepNames, passwordHash, sshKeys };
}

function customisedView(
  { hostname, keepNames, user, ssh, sshKeys, wifi, locale, keyboard, timezone }: Customisation = {},
  sessions: readonly SessionRecord[],
): z.infer<typeof CustomisedSchema> {
  const isMade = sessions.some(({ luns }) => luns[0]?.made === true);
  return {
    hostname: hostname ?? null,
    keep_names: keepNames ?? false,
    user: user?.name ?? null,
    has_password: (user?.passwordHash ?? null) !== null,
    ssh: ssh ?? false,
    ssh_keys: [...(sshKeys ?? [])],
    wifi: wifi
      ? { ssid: wifi.ssid, country: wifi.country, hidden: wifi.hidden, has_password: wifi.psk !== null }
      : null,
    locale: locale ?? null,
    keyboard: keyboard ?? null,
    timezone: timezone ?? null,
    counts: isMade ? "after a reset" : "at the first login",
  };
}
