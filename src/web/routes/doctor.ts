/** `/api/doctor`: what keeps Pis from coming up, and what to do. */
import { createRoute, z } from "@hono/zod-openapi";
import { examine } from "../../appliance/index.ts";
import { type ApiContext, newRouter } from "../context.ts";
import { FindingSchema } from "../schemas.ts";

const doctor = createRoute({
  method: "get",
  path: "/doctor",
  summary: "Look at links, other DHCP servers, ports, firewall, clock and space; takes some seconds",
  responses: {
    200: {
      description: "What was found, also what is well",
      content: { "application/json": { schema: z.array(FindingSchema) } },
    },
  },
});

export function doctorRoutes({ appliance, serving }: ApiContext) {
  let running: ReturnType<typeof examine> | undefined;
  return newRouter().openapi(doctor, async (c) => {
    // Whoever asks while it looks gets the same answer: the question on the wire is put once.
    running ??= examine(appliance, serving).finally(() => (running = undefined));
    return c.json([...(await running)], 200);
  });
}
