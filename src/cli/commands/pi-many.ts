/** `pinetboot pi set|reset|reboot|blink|forget`: what is done with one Pi, a group, or all of them. */
import { buildCommand } from "@stricli/core";
import { ApplianceError } from "../../appliance/index.ts";
import { withApi, withServer } from "../backend.ts";
import { propose } from "../complete-names.ts";
import { type CommonFlags, commonFlags, text } from "../flags.ts";
import {
  doWithPis,
  pisArgument,
  printResults,
  type SelectionFlags,
  selectionFlags,
  selectionOf,
} from "../pi-selection.ts";

type ManyFlags = CommonFlags & SelectionFlags;

const flags = { ...commonFlags, ...selectionFlags } as const;

interface SetFlags extends CommonFlags {
  readonly name?: string;
  readonly group?: string;
}

/** "none" takes it away. */
const orNone = (word: string): string | null => (word === "none" ? null : word);

export const set = buildCommand({
  docs: {
    brief: "Give Pis a name, or put them into a group",
    fullDescription:
      "They need not have been seen yet. A group is what other commands take with --group.\n\n" +
      "Examples:\n  pinetboot pi set 8d3fa2c1 --name rack3-left --group lab\n  pinetboot pi set 8d3fa2c1 --group none",
  },
  parameters: {
    flags: {
      ...commonFlags,
      name: {
        kind: "parsed",
        parse: text,
        brief: "What it is called; none for no name",
        placeholder: "name",
        optional: true,
      },
      group: {
        kind: "parsed",
        parse: text,
        proposeCompletions: propose("groups"),
        brief: "The group that they are in; none for none",
        placeholder: "group",
        optional: true,
      },
    },
    positional: pisArgument,
  },
  async func(asked: SetFlags, ...pis: string[]) {
    const { name, group } = asked;
    if (pis.length === 0)
      throw new ApplianceError("bad-request", "Say which Pis", "Give their serial numbers.");
    if (name === undefined && group === undefined)
      throw new ApplianceError(
        "bad-request",
        "There is nothing to set",
        "Give --name NAME or --group GROUP.",
      );
    if (name !== undefined && name !== "none" && pis.length > 1)
      throw new ApplianceError(
        "bad-request",
        "One name cannot be that of several Pis",
        "Name them one by one.",
      );
    const names = {
      ...(name !== undefined && { label: orNone(name) }),
      ...(group !== undefined && { group: orNone(group) }),
    };
    const done = await withApi(asked, "pi set", (api) => doWithPis(api, { pis, action: "set", set: names }));
    printResults(done, asked.json);
  },
});

export const reset = buildCommand({
  docs: {
    brief: "Throw away what Pis wrote: their disks begin with their images again",
    fullDescription:
      "Refused while a Pi runs.\n\nExamples:\n  pinetboot pi reset 8d3fa2c1\n  pinetboot pi reset --group lab",
  },
  parameters: { flags, positional: pisArgument },
  async func(asked: ManyFlags, ...pis: string[]) {
    const which = selectionOf(asked, pis);
    printResults(
      await withApi(asked, "pi reset", (api) => doWithPis(api, { ...which, action: "reset" })),
      asked.json,
    );
  },
});

const listening =
  "Only while the boot shim waits on the Pi can it be told: before an image is chosen, while its disk is held, after a\n" +
  "failure. Once its own system runs, nothing of pinetboot listens there, and that is said.";

export const reboot = buildCommand({
  docs: {
    brief: "Have Pis that wait restart",
    fullDescription: `${listening}\n\nExample:\n  pinetboot pi reboot 8d3fa2c1`,
  },
  parameters: { flags, positional: pisArgument },
  async func(asked: ManyFlags, ...pis: string[]) {
    const which = selectionOf(asked, pis);
    printResults(
      await withServer(asked, (api) => doWithPis(api, { ...which, action: "reboot" })),
      asked.json,
    );
  },
});

export const blink = buildCommand({
  docs: {
    brief: "Have Pis that wait blink their LED",
    fullDescription: `${listening}\n\nExample:\n  pinetboot pi blink 8d3fa2c1`,
  },
  parameters: { flags, positional: pisArgument },
  async func(asked: ManyFlags, ...pis: string[]) {
    const which = selectionOf(asked, pis);
    printResults(await withServer(asked, (api) => doWithPis(api, { ...which, action: "blink" })), asked.json);
  },
});

export const forget = buildCommand({
  docs: {
    brief: "Forget Pis and remove their disks",
    fullDescription:
      "Refused while a disk is in use; with --force its Pi is disconnected.\n\n" +
      "Examples:\n  pinetboot pi forget 8d3fa2c1\n  pinetboot pi forget --group lab --force",
  },
  parameters: {
    flags: {
      ...flags,
      force: { kind: "boolean", brief: "Disconnect them", default: false, withNegated: false },
    },
    positional: pisArgument,
  },
  async func(asked: ManyFlags & { readonly force: boolean }, ...pis: string[]) {
    const which = selectionOf(asked, pis);
    const done = await withApi(asked, "pi forget", (api) =>
      doWithPis(api, { ...which, action: "forget", force: asked.force }),
    );
    printResults(done, asked.json);
  },
});
