/** `pinetboot session customise` and `pinetboot pi customise`. */
import { buildCommand } from "@stricli/core";
import type { Answered, ApiClient } from "../../web/index.ts";
import { read, withApi } from "../backend.ts";
import { propose } from "../complete-names.ts";
import { type CustomiseFlags, customiseFlags, customiseRequest } from "../customise-flags.ts";
import { type CommonFlags, commonFlags, text } from "../flags.ts";
import { printJson } from "../output.ts";

const OWNERS = {
  session: { of: "session", folder: "sessions", brief: "Id or IQN of the session", example: "k3v9x2m1qa" },
  pi: {
    of: "Pi",
    folder: "pis",
    brief: "Serial number (the last 8 digits will do) or MAC",
    example: "8d3fa2c1",
  },
} as const;

function customise(owner: keyof typeof OWNERS) {
  const { of, folder, brief, example } = OWNERS[owner];
  return buildCommand({
    docs: {
      brief: "Say who it is at its first start: name, user, SSH keys, WiFi, language",
      fullDescription:
        `Written into the boot partition of the ${of}'s disk when that begins anew over its image: at the first login,\n` +
        "and after a reset. The image stays as it is. What was said before goes; without flags it is shown.\n\n" +
        `Examples:\n  pinetboot ${owner} customise ${example} --user ada --ssh-key ~/.ssh/id_ed25519.pub\n` +
        `  pinetboot ${owner} customise ${example} --clear`,
    },
    parameters: {
      flags: {
        ...commonFlags,
        ...customiseFlags,
        clear: { kind: "boolean", brief: "Take back what was said", default: false, withNegated: false },
      },
      positional: {
        kind: "tuple",
        parameters: [
          {
            brief,
            parse: text,
            placeholder: owner === "pi" ? "serial" : "id",
            proposeCompletions: propose(owner === "pi" ? "pis" : "sessions"),
          },
        ],
      },
    },
    async func(flags: CommonFlags & CustomiseFlags & { readonly clear: boolean }, id: string) {
      const param = { id };
      const body = customiseRequest(flags);
      if (flags.clear) {
        await withApi(flags, `${owner} customise`, (api) =>
          api.client[folder][":id"].customise.$delete({ param }),
        );
        if (flags.json) printJson({ cleared: id });
        else console.log("Nothing is customised any more.");
        return;
      }
      const settings = await withApi(flags, `${owner} customise`, ({ client }) => {
        const { customise: settled } = client[folder][":id"];
        return read(body ? settled.$put({ param, json: body }) : settled.$get({ param }));
      });
      if (flags.json) printJson(settings);
      else printSettings(settings);
    },
  });
}

export const customiseSession = customise("session");
export const customisePi = customise("pi");

type Customised = Answered<Awaited<ReturnType<ApiClient["pis"][":id"]["customise"]["$get"]>>>;

function printSettings(settings: Customised): void {
  const { hostname, keep_names, user, has_password, ssh, ssh_keys, wifi, locale, keyboard, timezone } =
    settings;
  const rows: readonly (readonly [string, string | null])[] = [
    ["Host name", hostname ?? (keep_names ? "the image's" : "its own, by the serial number or id")],
    ["User", user && `${user}${has_password ? ", with a password" : ", without a password"}`],
    ["SSH", ssh ? `on, ${ssh_keys.length} ${ssh_keys.length === 1 ? "key" : "keys"}` : null],
    [
      "WiFi",
      wifi &&
        `${wifi.ssid} (${wifi.country}${wifi.hidden ? ", hidden" : ""}${wifi.has_password ? "" : ", open"})`,
    ],
    ["Locale", locale],
    ["Keyboard", keyboard],
    ["Time zone", timezone],
  ];
  for (const [title, value] of rows) if (value !== null) console.log(`${title.padEnd(10)} ${value}`);
  console.log(`Counts ${settings.counts}.`);
}
