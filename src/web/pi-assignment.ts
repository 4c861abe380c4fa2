/** Choosing what a Pi boots, as the API takes it: for one Pi and for many. */
import { z } from "@hono/zod-openapi";
import { checkCustomisation, type PiView } from "../appliance/index.ts";
import type { ApiContext } from "./context.ts";
import { requestOf } from "./routes/customise.ts";
import type { AssignSchema } from "./schemas.ts";

export const PiKey = z.object({
  key: z
    .string()
    .min(1)
    .max(64)
    .openapi({ description: "8 to 16 hex digits of the serial number, the MAC, or its name" }),
});

/** Returns what chooses for a Pi; what is left away comes from the server's own settings. */
export function assigner({ appliance: { customiser, pis }, serving }: ApiContext) {
  return (name: string, wanted: z.infer<typeof AssignSchema>): PiView => {
    const { image, mode, variant, persistent, read_only: readOnly, customise } = wanted;
    const settings = customise && checkCustomisation(requestOf(customise));
    const pi = pis.assign(name, {
      image,
      mode: mode ?? serving?.policy.mode ?? "pivot",
      variant: variant ?? serving?.policy.variant ?? "ethernet",
      persistent: persistent ?? true,
      readOnly: readOnly ?? false,
    });
    // In the same turn: a Pi that waits for the choice has not gone on yet.
    if (settings) customiser.set("pi", pi.key, settings);
    return pi;
  };
}
