/** `pinetboot pi ...` */
import { buildCommand, buildRouteMap } from "@stricli/core";
import { BOOT_MODES, type BootMode, SHIM_VARIANTS, type ShimVariant } from "../../appliance/index.ts";
import type { Answered, ApiClient } from "../../web/index.ts";
import { read, withApi } from "../backend.ts";
import { propose } from "../complete-names.ts";
import { type CommonFlags, commonFlags, MODE_BRIEF, text } from "../flags.ts";
import { type CustomiseFlags, customiseFlags, customiseRequest } from "../customise-flags.ts";
import { printJson, printTable } from "../output.ts";
import {
  doWithPis,
  pisArgument,
  printResults,
  type SelectionFlags,
  selectionFlags,
  selectionOf,
} from "../pi-selection.ts";
import { piEeprom } from "./pi-eeprom.ts";
import { customisePi } from "./customise.ts";
import { info } from "./pi-info.ts";
import { wait } from "./pi-wait.ts";
import { blink, forget, reboot, reset, set } from "./pi-many.ts";

const list = buildCommand({
  docs: { brief: "List the Pis", fullDescription: "Example:\n  pinetboot pi list" },
  parameters: { flags: commonFlags },
  async func(flags: CommonFlags) {
    const [pis, images] = await withApi(flags, "pi list", (api) =>
      Promise.all([read(api.client.pis.$get({ query: {} })), read(api.client.images.$get({ query: {} }))]),
    );
    const nameOf = (id: string): string => images.find((image) => image.id === id)?.name ?? id.slice(0, 12);
    if (flags.json) printJson(pis);
    else
      printTable(
        pis,
        [
          { title: "PI", value: ({ key }) => key },
          { title: "CODE", value: ({ code }) => code, whole: true, spare: 3 },
          { title: "NAME", value: ({ label }) => label ?? "-" },
          { title: "GROUP", value: ({ group }) => group ?? "-", spare: 2 },
          { title: "MODEL", value: ({ model }) => model ?? "-", spare: 5 },
          { title: "ADDRESS", value: ({ address }) => address ?? "-", whole: true, spare: 4 },
          {
            title: "IMAGE",
            value: ({ assignment }) => (assignment ? nameOf(assignment.image) : "(none chosen)"),
          },
          {
            title: "LAST SEEN",
            value: ({ last_seen }) => last_seen.slice(0, 19).replace("T", " "),
            whole: true,
            spare: 6,
          },
          { title: "LATEST", value: latestText },
        ],
        "No Pi was seen yet. Switch one on that boots from the network; pinetboot doctor says what keeps it from coming.",
      );
  },
});

type Pi = Answered<Awaited<ReturnType<ApiClient["pis"]["$get"]>>>[number];

function latestText({ fenced, latest }: Pi): string {
  if (fenced) return "kept out since this computer lost power; restart it";
  return latest ? `${latest.stage} ${latest.state}` : "-";
}

interface AssignFlags extends CommonFlags, CustomiseFlags, SelectionFlags {
  readonly image: string;
  readonly mode?: BootMode;
  readonly variant?: ShimVariant;
  readonly ephemeral: boolean;
  readonly "read-only": boolean;
}

const assign = buildCommand({
  docs: {
    brief: "Choose what a Pi boots",
    fullDescription:
      "A Pi that waits for a choice goes on at once. It need not have been seen yet. What it writes is kept, unless\n" +
      "--ephemeral: then every boot begins with the image again.\n\n" +
      "Examples:\n  pinetboot pi assign 8d3fa2c1 --image raspios\n" +
      "  pinetboot pi assign --group lab --image nightly --ephemeral\n" +
      "  pinetboot pi assign 8d3fa2c1 --image raspios --mode usb --read-only    a USB disk for the computer beside it",
  },
  parameters: {
    flags: {
      ...commonFlags,
      image: {
        kind: "parsed",
        parse: text,
        brief: "Name or id of the image",
        placeholder: "image",
        proposeCompletions: propose("images"),
      },
      mode: { kind: "enum", values: BOOT_MODES, brief: MODE_BRIEF, optional: true },
      variant: { kind: "enum", values: SHIM_VARIANTS, brief: "Which shim", optional: true },
      ephemeral: {
        kind: "boolean",
        brief: "Begin with the image at each boot",
        default: false,
        withNegated: false,
      },
      "read-only": {
        kind: "boolean",
        brief: "Mode usb: the computer at the USB port cannot write",
        default: false,
        withNegated: false,
      },
      ...selectionFlags,
      ...customiseFlags,
    },
    positional: pisArgument,
  },
  async func(flags: AssignFlags, ...pis: string[]) {
    const which = selectionOf(flags, pis);
    const customise = customiseRequest(flags);
    const choice = {
      image: flags.image,
      ...(flags.mode && { mode: flags.mode }),
      ...(flags.variant && { variant: flags.variant }),
      persistent: !flags.ephemeral,
      read_only: flags["read-only"],
      ...(customise && { customise }),
    };
    const [only] = pis;
    if (pis.length === 1 && only !== undefined) {
      const pi = await withApi(flags, "pi assign", (api) =>
        read(api.client.pis[":key"].assignment.$put({ param: { key: only }, json: choice })),
      );
      if (flags.json) printJson(pi);
      else console.log(`Pi ${pi.key} boots ${flags.image} from now on.`);
      return;
    }
    const done = await withApi(flags, "pi assign", (api) =>
      doWithPis(api, { ...which, action: "assign", assign: choice }),
    );
    printResults(done, flags.json);
  },
});

export const piRoutes = buildRouteMap({
  routes: {
    list,
    info,
    assign,
    set,
    customise: customisePi,
    wait,
    reset,
    reboot,
    blink,
    eeprom: piEeprom,
    forget,
  },
  docs: { brief: "The Raspberry Pis" },
});
