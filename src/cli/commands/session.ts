/** `pinetboot session ...` */
import { buildCommand, buildRouteMap } from "@stricli/core";
import { propose } from "../complete-names.ts";
import { read, withApi } from "../backend.ts";
import { type CommonFlags, commonFlags, sizeFlag, text, timeFlag } from "../flags.ts";
import { type CustomiseFlags, customiseFlags, customiseRequest } from "../customise-flags.ts";
import { printJson, printTable } from "../output.ts";
import { customiseSession } from "./customise.ts";
import { commit, exportCommand } from "./session-copy.ts";
import {
  branch,
  disconnect,
  reset,
  restore,
  set,
  snapshot,
  snapshotRemove,
  snapshots,
} from "./session-life.ts";
import { keptText, lunText, printCreated, printSession, usedFromText, usedText } from "./session-text.ts";

interface CreateFlags extends CommonFlags, CustomiseFlags {
  readonly image?: readonly string[];
  readonly size?: string;
  readonly ephemeral: boolean;
  readonly ttl?: number;
  readonly "evict-after"?: number;
  readonly quota?: string;
}

const create = buildCommand({
  docs: {
    brief: "Make a disk that any iSCSI initiator can use",
    fullDescription:
      "Prints the target's name, the portal and the login; the secret is shown this once. The disk is LUN 0.\n\n" +
      "Example:\n  pinetboot session create --image blank --size 1G",
  },
  parameters: {
    flags: {
      ...commonFlags,
      image: {
        kind: "parsed",
        parse: text,
        proposeCompletions: propose("images"),
        brief: "Image under the disk; several make several LUNs (default: blank)",
        placeholder: "name",
        optional: true,
        variadic: true,
      },
      size: sizeFlag("Size of the disk, like 512M or 16G (default: the image's; blank has 4G)"),
      ephemeral: {
        kind: "boolean",
        brief: "Throw away what was written after a clean logout",
        default: false,
        withNegated: false,
      },
      ttl: timeFlag("Suspend it after this time, like 2h or 7d, when nobody uses it"),
      "evict-after": timeFlag(
        "Remove it after this time of suspension (default: 7d); a login wakes it before",
      ),
      quota: sizeFlag("What it may take on this computer's disk, like 2G (default: as much as there is)"),
      ...customiseFlags,
    },
  },
  async func(flags: CreateFlags) {
    const images = flags.image && flags.image.length > 0 ? flags.image : ["blank"];
    const [first = "blank"] = images;
    const customise = customiseRequest(flags);
    const session = await withApi(flags, "session create", (api) =>
      read(
        api.client.sessions.$post({
          header: {},
          json: {
            ...(images.length === 1
              ? { image: first, size: flags.size }
              : { images: images.map((image) => ({ image, size: flags.size })) }),
            ephemeral: flags.ephemeral,
            ...(flags.ttl !== undefined && { ttl_seconds: Math.ceil(flags.ttl / 1000) }),
            ...(flags["evict-after"] !== undefined && {
              evict_after_seconds: Math.ceil(flags["evict-after"] / 1000),
            }),
            ...(flags.quota !== undefined && { quota: flags.quota }),
            ...(customise && { customise }),
          },
        }),
      ),
    );
    if (flags.json) printJson(session);
    else printCreated(session);
  },
});

const list = buildCommand({
  docs: { brief: "List the sessions", fullDescription: "Example:\n  pinetboot session list" },
  parameters: { flags: commonFlags },
  async func(flags: CommonFlags) {
    const sessions = await withApi(flags, "session list", (api) =>
      read(api.client.sessions.$get({ query: {} })),
    );
    if (flags.json) printJson(sessions);
    else
      printTable(
        sessions,
        [
          { title: "ID", value: ({ id }) => id },
          { title: "DISKS", value: ({ luns }) => luns.map(lunText).join(", ") },
          { title: "WRITTEN", value: usedText, whole: true, spare: 3 },
          { title: "FOR", value: ({ pi }) => pi ?? "-", spare: 1 },
          { title: "IN USE FROM", value: usedFromText, spare: 2 },
          { title: "KEPT", value: keptText, spare: 4 },
        ],
        "There are no sessions. Make one: pinetboot session create",
      );
  },
});

const info = buildCommand({
  docs: { brief: "Show one session", fullDescription: "Example:\n  pinetboot session info k3v9x2m1qa" },
  parameters: {
    flags: commonFlags,
    positional: {
      kind: "tuple",
      parameters: [
        {
          brief: "Id or IQN of the session",
          parse: text,
          placeholder: "id",
          proposeCompletions: propose("sessions"),
        },
      ],
    },
  },
  async func(flags: CommonFlags, id: string) {
    const session = await withApi(flags, "session info", (api) =>
      read(api.client.sessions[":id"].$get({ param: { id } })),
    );
    if (flags.json) printJson(session);
    else printSession(session);
  },
});

const remove = buildCommand({
  docs: {
    brief: "Remove a session and what was written in it",
    fullDescription:
      "Refused while an initiator is logged in; with --force it is disconnected.\n\n" +
      "Example:\n  pinetboot session remove k3v9x2m1qa",
  },
  parameters: {
    flags: {
      ...commonFlags,
      force: { kind: "boolean", brief: "Disconnect whoever uses it", default: false, withNegated: false },
    },
    positional: {
      kind: "tuple",
      parameters: [
        {
          brief: "Id or IQN of the session",
          parse: text,
          placeholder: "id",
          proposeCompletions: propose("sessions"),
        },
      ],
    },
  },
  async func(flags: CommonFlags & { readonly force: boolean }, id: string) {
    await withApi(flags, "session remove", (api) =>
      api.client.sessions[":id"].$delete({ param: { id }, query: { force: flags.force ? "true" : "false" } }),
    );
    if (flags.json) printJson({ removed: id });
    else console.log(`Session ${id} was removed.`);
  },
});

const unfence = buildCommand({
  docs: {
    brief: "Let initiators in again that used the disk when this computer lost power",
    fullDescription:
      "They are kept out because they believe that all they wrote is there, and what they had not flushed is lost.\n" +
      "A machine that has been restarted since, or that only reads, can be let in. A Pi that boots anew is let in by itself.\n\n" +
      "Example:\n  pinetboot session unfence k3v9x2m1qa",
  },
  parameters: {
    flags: commonFlags,
    positional: {
      kind: "tuple",
      parameters: [
        {
          brief: "Id or IQN of the session",
          parse: text,
          placeholder: "id",
          proposeCompletions: propose("sessions"),
        },
      ],
    },
  },
  async func(flags: CommonFlags, id: string) {
    const session = await withApi(flags, "session unfence", (api) =>
      read(api.client.sessions[":id"].unfence.$post({ param: { id } })),
    );
    if (flags.json) printJson(session);
    else console.log(`Session ${session.id} keeps nobody out.`);
  },
});

export const sessionRoutes = buildRouteMap({
  routes: {
    create,
    list,
    info,
    set,
    reset,
    snapshot,
    snapshots,
    "snapshot-remove": snapshotRemove,
    restore,
    branch,
    disconnect,
    commit,
    export: exportCommand,
    remove,
    unfence,
    customise: customiseSession,
  },
  docs: { brief: "Disks over iSCSI for any initiator" },
});
