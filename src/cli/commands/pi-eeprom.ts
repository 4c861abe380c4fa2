/** `pinetboot pi eeprom` */
import { buildCommand } from "@stricli/core";
import type { Answered, ApiClient } from "../../web/index.ts";
import { propose } from "../complete-names.ts";
import { read, withApi } from "../backend.ts";
import { type CommonFlags, commonFlags, text } from "../flags.ts";
import { failure, printJson } from "../output.ts";

interface EepromFlags extends CommonFlags {
  readonly "boot-order"?: string;
  readonly netconsole?: boolean;
  readonly cancel: boolean;
}

export const piEeprom = buildCommand({
  docs: {
    brief: "Show or set what the bootloader of a Pi 4 or 5 does",
    fullDescription:
      "The Pi takes the new settings once, when it next starts over the network, from Raspberry Pi's own bootloader\n" +
      "image in the data folder's firmware/. What it has set besides is kept, when its shim has told it.\n" +
      "This was never run on a real board.\n\n" +
      "Example:\n  pinetboot pi eeprom 8d3fa2c1 --boot-order 0xf21 --netconsole",
  },
  parameters: {
    flags: {
      ...commonFlags,
      "boot-order": {
        kind: "parsed",
        parse: text,
        brief: "Read from the right: 1 SD, 2 network, 4 USB, 6 NVMe, f again",
        placeholder: "order",
        optional: true,
      },
      netconsole: {
        kind: "boolean",
        brief: "The firmware sends its log over the network, to be seen here",
        optional: true,
      },
      cancel: { kind: "boolean", brief: "Take an offer back", default: false, withNegated: false },
    },
    positional: {
      kind: "tuple",
      parameters: [
        {
          brief: "Serial number (the last 8 digits will do) or MAC",
          parse: text,
          placeholder: "serial",
          proposeCompletions: propose("pis"),
        },
      ],
    },
  },
  async func(flags: EepromFlags, serial: string) {
    const param = { key: serial };
    const { "boot-order": bootOrder, netconsole, cancel } = flags;
    const sets = bootOrder !== undefined || netconsole !== undefined;
    if (cancel && sets)
      throw failure("bad-request", "--cancel takes an offer back: leave the other flags out");
    const eeprom = await withApi(flags, "pi eeprom", async ({ client }) => {
      const route = client.pis[":key"].eeprom;
      if (cancel) await route.$delete({ param });
      const json = { boot_order: bootOrder, netconsole };
      return read(sets ? route.$put({ param, json }) : route.$get({ param }));
    });
    if (flags.json) printJson(eeprom);
    else for (const line of eepromLines(eeprom)) console.log(line);
  },
});

const STATE_WORDS = {
  offered: "waits for the Pi to start over the network",
  fetched: "was fetched by the Pi, which has not come back yet",
  done: "is done: the Pi has said so",
} as const;

type Eeprom = Answered<Awaited<ReturnType<ApiClient["pis"][":key"]["eeprom"]["$get"]>>>;

function eepromLines({ key, bootloader, offer }: Eeprom): string[] {
  const lines: string[] = [];
  if (bootloader) {
    const at = bootloader.written_at === null ? "" : `, written ${bootloader.written_at.slice(0, 10)}`;
    lines.push(`The bootloader of Pi ${key}${at}:`);
    for (const line of bootloader.config.split("\n")) if (line.trim() !== "") lines.push(`  ${line.trim()}`);
  } else lines.push(`Pi ${key} has not told what its bootloader is set to: its shim does, on a Pi 4 or 5.`);
  if (!offer) return [...lines, "No update is offered."];
  const netconsole = offer.netconsole ? ", log over the network" : "";
  lines.push(
    `An update (BOOT_ORDER=${offer.boot_order ?? "as it is"}${netconsole}) ${STATE_WORDS[offer.state]}.`,
  );
  if (!offer.keeps_settings && offer.state !== "done")
    lines.push("The Pi's own settings are not known: it gets those of Raspberry Pi's image.");
  return lines;
}
