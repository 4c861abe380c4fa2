/** What the API takes and gives about a Pi's first start. Secrets come in and never go out. */
import { z } from "@hono/zod-openapi";

/** Lengths that stop nonsense early; what each may be is checked, and said, by the appliance. */
const Word = z.string().max(256);
const KEY_MAX_CHARS = 20_000;
const KEYS_MAX = 32;

export const CustomiseSchema = z
  .strictObject({
    hostname: Word.optional().openapi({ example: "kitchen-pi" }),
    keep_names: z
      .boolean()
      .optional()
      .openapi({ description: "Host name, machine id and SSH host keys stay those of the image" }),
    user: Word.optional(),
    password: Word.optional().openapi({ description: "Only its hash is kept" }),
    password_hash: z.string().max(512).optional().openapi({ description: "As in /etc/shadow" }),
    ssh: z
      .boolean()
      .optional()
      .openapi({ description: "Whether the SSH server runs (default: with keys or a password)" }),
    ssh_keys: z.array(z.string().max(KEY_MAX_CHARS)).max(KEYS_MAX).optional(),
    wifi: z
      .strictObject({
        ssid: Word,
        password: Word.optional(),
        country: Word.openapi({ example: "DE" }),
        hidden: z.boolean().optional(),
      })
      .optional(),
    locale: Word.optional().openapi({ example: "de_DE.UTF-8" }),
    keyboard: Word.optional().openapi({ example: "de" }),
    timezone: Word.optional().openapi({ example: "Europe/Berlin" }),
  })
  .openapi("Customise", {
    example: { hostname: "kitchen-pi", user: "me", ssh: true, timezone: "Europe/Berlin" },
  });

export const CustomisedSchema = z
  .object({
    hostname: z.string().nullable(),
    keep_names: z.boolean(),
    user: z.string().nullable(),
    has_password: z.boolean(),
    ssh: z.boolean(),
    ssh_keys: z.array(z.string()),
    wifi: z
      .object({ ssid: z.string(), country: z.string(), hidden: z.boolean(), has_password: z.boolean() })
      .nullable(),
    locale: z.string().nullable(),
    keyboard: z.string().nullable(),
    timezone: z.string().nullable(),
    counts: z
      .enum(["at the first login", "after a reset"])
      .openapi({ description: "A disk is customised when it begins anew over its image" }),
  })
  .openapi("Customised");
