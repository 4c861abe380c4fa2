/** `/api/pis/{key}/eeprom`: the bootloader of a Pi 4 or 5. */
import { createRoute, z } from "@hono/zod-openapi";
import { type EepromView, OFFER_STATES } from "../../appliance/index.ts";
import { type ApiContext, newRouter } from "../context.ts";
import { problems } from "../problem.ts";

/** What the bootloader's own sector holds. */
const CONFIG_MAX_CHARS = 4096;

export const EepromSchema = z
  .object({
    key: z.string(),
    bootloader: z
      .object({
        config: z.string().max(CONFIG_MAX_CHARS).openapi({ description: "bootconf.txt as the Pi has it" }),
        written_at: z.string().nullable().openapi({ description: "When its EEPROM was last written" }),
        seen_at: z.string(),
      })
      .nullable()
      .openapi({ description: "As the Pi's shim told it last; null when it has not" }),
    offer: z
      .object({
        state: z.enum(OFFER_STATES),
        boot_order: z.string().nullable(),
        netconsole: z.boolean(),
        keeps_settings: z.boolean().openapi({
          description:
            "The Pi's own settings were known and are kept; else it gets those of Raspberry Pi's image",
        }),
        changed_at: z.string(),
      })
      .nullable(),
  })
  .openapi("Eeprom");

const OfferSchema = z
  .object({
    boot_order: z
      .string()
      .regex(/^0x[0-7ef]{1,8}$/i)
      .optional()
      .openapi({
        description: "Read from the right: 1 SD, 2 network, 4 USB, 6 NVMe, f again",
        example: "0xf21",
      }),
    netconsole: z.boolean().optional().openapi({
      description: "The firmware sends its log over the network, and it shows among the Pi's events",
    }),
  })
  .openapi("EepromOffer", { example: { boot_order: "0xf21" } });

const Key = z.object({ key: z.string().min(1).max(64) });
const one = { description: "The Pi's EEPROM", content: { "application/json": { schema: EepromSchema } } };

const get = createRoute({
  method: "get",
  path: "/pis/{key}/eeprom",
  summary: "What is known of a Pi's bootloader, and the update that is offered to it",
  request: { params: Key },
  responses: { 200: one, ...problems(404) },
});

const offer = createRoute({
  method: "put",
  path: "/pis/{key}/eeprom",
  summary: "Offer a Pi 4 or 5 other settings of its bootloader, once, when it next starts over the network",
  request: {
    params: Key,
    body: { required: true, content: { "application/json": { schema: OfferSchema } } },
  },
  responses: { 200: one, ...problems(404) },
});

const cancel = createRoute({
  method: "delete",
  path: "/pis/{key}/eeprom",
  summary: "Take the offer back; refused when the Pi has fetched it already",
  request: { params: Key },
  responses: { 204: { description: "It is taken back" }, ...problems(404, 409) },
});

export function eepromRoutes({ appliance: { eeprom } }: ApiContext) {
  return newRouter()
    .openapi(get, (c) => c.json(eepromView(eeprom.view(c.req.valid("param").key)), 200))
    .openapi(offer, async (c) => {
      const { key } = c.req.valid("param");
      const { boot_order: bootOrder, netconsole } = c.req.valid("json");
      await eeprom.offer(key, { bootOrder, netconsole });
      return c.json(eepromView(eeprom.view(key)), 200);
    })
    .openapi(cancel, (c) => {
      eeprom.cancel(c.req.valid("param").key);
      return c.body(null, 204);
    });
}

const iso = (ms: number): string => new Date(ms).toISOString();

function eepromView({ key, bootloader, offer }: EepromView): z.infer<typeof EepromSchema> {
  return {
    key,
    bootloader: bootloader
      ? {
          config: bootloader.config,
          written_at: bootloader.writtenAt === null ? null : iso(bootloader.writtenAt * 1000),
          seen_at: iso(bootloader.seenAt),
        }
      : null,
    offer: offer
      ? {
          state: offer.state,
          boot_order: offer.bootOrder,
          netconsole: offer.netconsoleSource !== null,
          keeps_settings: offer.keepsSettings,
          changed_at: iso(offer.changedAt),
        }
      : null,
  };
}
