/** What the API says of the network: what the doctor found, what it sees, who was left without an answer. */
import { z } from "@hono/zod-openapi";
import { FINDING_LEVELS } from "../appliance/index.ts";

export const FindingSchema = z
  .object({
    check: z.string(),
    level: z.enum(FINDING_LEVELS),
    detail: z.string(),
    fix: z.string().nullable(),
  })
  .openapi("Finding");

export const NetworkSchema = z
  .object({
    interfaces: z.array(
      z.object({
        name: z.string(),
        kind: z.enum(["wired", "wireless", "virtual"]),
        link: z.boolean().openapi({ description: "A cable with somebody at its other end" }),
        addresses: z.array(z.string()),
        served: z.boolean(),
      }),
    ),
    ports: z
      .array(z.object({ service: z.string(), protocol: z.enum(["tcp", "udp"]), port: z.number().int() }))
      .openapi({ description: "What listens for Pis now" }),
    ignored: z
      .array(
        z.object({
          service: z.string(),
          who: z.string().openapi({ description: "Hardware address, or network address" }),
          name: z.string().nullable(),
          vendor: z.string().nullable(),
          interface: z.string().nullable(),
          reason: z.string(),
          fix: z.string().nullable(),
          times: z.number().int(),
          first_at: z.string(),
          last_at: z.string(),
        }),
      )
      .openapi({ description: "Who asked and got no answer since the server started, the latest first" }),
  })
  .openapi("Network");
