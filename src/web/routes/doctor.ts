/** `/api/doctor`: what keeps Pis from coming up, and what to do; `/api/network`: what is seen of the network meanwhile. */
import { createRoute, z } from "@hono/zod-openapi";
import {
  examine,
  type SeenInterface,
  seenInterfaces,
  servedPorts,
  type Unanswered,
} from "../../appliance/index.ts";
import { type ApiContext, newRouter } from "../context.ts";
import { FindingSchema, NetworkSchema } from "../doctor-schemas.ts";
import { json } from "../documents.ts";

const doctor = createRoute({
  method: "get",
  path: "/doctor",
  summary: "Look at links, other DHCP servers, ports, firewall, clock and space; takes some seconds",
  responses: { 200: json("What was found, also what is well", z.array(FindingSchema)) },
});

const network = createRoute({
  method: "get",
  path: "/network",
  summary: "Interfaces, ports, and who asked and got no answer, and why; at once, for nobody is asked",
  responses: { 200: json("As it is now", NetworkSchema) },
});

export function doctorRoutes({ appliance, serving }: ApiContext) {
  let running: ReturnType<typeof examine> | undefined;
  return newRouter()
    .openapi(doctor, async (c) => {
      // Whoever asks while it looks gets the same answer: the question on the wire is put once.
      running ??= examine(appliance, serving).finally(() => (running = undefined));
      return c.json([...(await running)], 200);
    })
    .openapi(network, (c) =>
      c.json(
        {
          interfaces: seenInterfaces(serving).map(interfaceView),
          ports: serving ? [...servedPorts(serving)] : [],
          ignored: appliance.unanswered.all().map(ignoredView),
        },
        200,
      ),
    );
}

type NetworkView = z.infer<typeof NetworkSchema>;

function interfaceView({ link, served }: SeenInterface): NetworkView["interfaces"][number] {
  const { name, kind, carrier, addresses } = link;
  return { name, kind, link: carrier, addresses: [...addresses], served };
}

function ignoredView(one: Unanswered): NetworkView["ignored"][number] {
  const { service, who, name, vendor, interface: on, reason, fix, times, firstAt, lastAt } = one;
  const first_at = new Date(firstAt).toISOString();
  return {
    service,
    who,
    name,
    vendor,
    interface: on,
    reason,
    fix,
    times,
    first_at,
    last_at: new Date(lastAt).toISOString(),
  };
}
