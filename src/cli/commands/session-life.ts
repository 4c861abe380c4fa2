/** `pinetboot session ...`: what is done with the content of a session. */
import { buildCommand } from "@stricli/core";
import { ApplianceError, parseDuration, parseSize } from "../../appliance/index.ts";
import { propose } from "../complete-names.ts";
import { read, withApi, withServer } from "../backend.ts";
import { type CommonFlags, commonFlags, sizeFlag, text, timeFlag } from "../flags.ts";
import { printJson, printTable } from "../output.ts";
import { printCreated } from "./session-text.ts";

const id = {
  brief: "Id or IQN of the session",
  parse: text,
  placeholder: "id",
  proposeCompletions: propose("sessions"),
};
const oneSession = { kind: "tuple", parameters: [id] } as const;
const sessionAndSnapshot = {
  kind: "tuple",
  parameters: [id, { brief: "Name of the snapshot", parse: text, placeholder: "snapshot" }],
} as const;

export const reset = buildCommand({
  docs: {
    brief: "Throw away what was written: the disk begins with its image again",
    fullDescription:
      "Snapshots stay. Refused while an initiator is logged in.\n\nExample:\n  pinetboot session reset k3v9x2m1qa",
  },
  parameters: { flags: commonFlags, positional: oneSession },
  async func(flags: CommonFlags, session: string) {
    const after = await withApi(flags, "session reset", (api) =>
      read(api.client.sessions[":id"].reset.$post({ param: { id: session } })),
    );
    if (flags.json) printJson(after);
    else console.log(`Session ${after.id} begins with its image again.`);
  },
});

export const disconnect = buildCommand({
  docs: {
    brief: "End the logins of a session; the disk stays as it is",
    fullDescription:
      "Each initiator is asked to log out, and then cut off. It may log in again: most do by themselves. To keep it out,\n" +
      "remove the session, or log out on its computer.\n\nExample:\n  pinetboot session disconnect k3v9x2m1qa",
  },
  parameters: { flags: commonFlags, positional: oneSession },
  async func(flags: CommonFlags, session: string) {
    const after = await withServer(flags, (api) =>
      read(api.client.sessions[":id"].disconnect.$post({ param: { id: session } })),
    );
    if (flags.json) printJson(after);
    else console.log(`Whoever used session ${after.id} was disconnected.`);
  },
});

interface SnapshotFlags extends CommonFlags {
  readonly name?: string;
  readonly live: boolean;
}

export const snapshot = buildCommand({
  docs: {
    brief: "Give a name to what the disks hold now",
    fullDescription:
      "Refused while an initiator is logged in, but with --live: then it holds what a computer finds after a sudden loss\n" +
      "of power, all disks of the session at one moment.\n\n" +
      "Examples:\n  pinetboot session snapshot k3v9x2m1qa --name clean\n  pinetboot session snapshot k3v9x2m1qa --live",
  },
  parameters: {
    flags: {
      ...commonFlags,
      name: {
        kind: "parsed",
        parse: text,
        brief: "Name for it (default: snapshot-1, snapshot-2, ...)",
        placeholder: "name",
        optional: true,
      },
      live: {
        kind: "boolean",
        brief: "Take it also while an initiator is logged in",
        default: false,
        withNegated: false,
      },
    },
    positional: oneSession,
  },
  async func(flags: SnapshotFlags, session: string) {
    const taken = await withApi(flags, "session snapshot", (api) =>
      read(
        api.client.sessions[":id"].snapshots.$post({
          param: { id: session },
          json: { live: flags.live, ...(flags.name !== undefined && { name: flags.name }) },
        }),
      ),
    );
    if (flags.json) printJson(taken);
    else console.log(`Snapshot ${taken.name} of session ${taken.session} was taken.`);
  },
});

export const snapshots = buildCommand({
  docs: {
    brief: "List the snapshots of a session",
    fullDescription: "Example:\n  pinetboot session snapshots k3v9x2m1qa",
  },
  parameters: { flags: commonFlags, positional: oneSession },
  async func(flags: CommonFlags, session: string) {
    const list = await withApi(flags, "session snapshots", (api) =>
      read(api.client.sessions[":id"].snapshots.$get({ param: { id: session } })),
    );
    if (flags.json) printJson(list);
    else
      printTable(
        list,
        [
          { title: "NAME", value: ({ name }) => name },
          { title: "TAKEN", value: ({ created_at }) => created_at.slice(0, 19).replace("T", " ") },
          {
            title: "CONSISTENT",
            value: ({ crash_consistent }) => (crash_consistent ? "as after a crash" : "yes"),
          },
        ],
        "There are no snapshots. Take one: pinetboot session snapshot ID",
      );
  },
});

export const snapshotRemove = buildCommand({
  docs: {
    brief: "Remove a snapshot, and what only it needed",
    fullDescription: "Example:\n  pinetboot session snapshot-remove k3v9x2m1qa clean",
  },
  parameters: { flags: commonFlags, positional: sessionAndSnapshot },
  async func(flags: CommonFlags, session: string, name: string) {
    await withApi(flags, "session snapshot-remove", (api) =>
      api.client.sessions[":id"].snapshots[":snapshot"].$delete({ param: { id: session, snapshot: name } }),
    );
    if (flags.json) printJson({ removed: name });
    else console.log(`Snapshot ${name} was removed.`);
  },
});

export const restore = buildCommand({
  docs: {
    brief: "Take the disks back to a snapshot; what was written since goes",
    fullDescription:
      "Refused while an initiator is logged in.\n\nExample:\n  pinetboot session restore k3v9x2m1qa clean",
  },
  parameters: { flags: commonFlags, positional: sessionAndSnapshot },
  async func(flags: CommonFlags, session: string, name: string) {
    const after = await withApi(flags, "session restore", (api) =>
      read(api.client.sessions[":id"].restore.$post({ param: { id: session }, json: { snapshot: name } })),
    );
    if (flags.json) printJson(after);
    else console.log(`Session ${after.id} is as it was at ${name}.`);
  },
});

interface BranchFlags extends CommonFlags {
  readonly snapshot?: string;
  readonly ephemeral: boolean;
  readonly ttl?: number;
  readonly quota?: string;
}

export const branch = buildCommand({
  docs: {
    brief: "Make a session that begins with the content of another",
    fullDescription:
      "Both write on their own from then on. Without --snapshot refused while an initiator is logged in to the source.\n\n" +
      "Example:\n  pinetboot session branch k3v9x2m1qa --snapshot clean",
  },
  parameters: {
    flags: {
      ...commonFlags,
      snapshot: {
        kind: "parsed",
        parse: text,
        brief: "Begin at this snapshot (default: with what is there now)",
        placeholder: "name",
        optional: true,
      },
      ephemeral: {
        kind: "boolean",
        brief: "Throw away what was written after a clean logout",
        default: false,
        withNegated: false,
      },
      ttl: timeFlag("Suspend it after this time, like 2h or 7d"),
      quota: sizeFlag("What it may take on this computer's disk, like 2G"),
    },
    positional: oneSession,
  },
  async func(flags: BranchFlags, session: string) {
    const made = await withApi(flags, "session branch", (api) =>
      read(
        api.client.sessions[":id"].branch.$post({
          param: { id: session },
          json: {
            ephemeral: flags.ephemeral,
            ...(flags.snapshot !== undefined && { snapshot: flags.snapshot }),
            ...(flags.ttl !== undefined && { ttl_seconds: Math.ceil(flags.ttl / 1000) }),
            ...(flags.quota !== undefined && { quota: flags.quota }),
          },
        }),
      ),
    );
    if (flags.json) printJson(made);
    else printCreated(made);
  },
});

interface SetFlags extends CommonFlags {
  readonly quota?: string;
  readonly ttl?: number | "none";
  readonly "evict-after"?: number;
  readonly persistent?: "yes" | "no";
}

/** A value, or "none" for the end of it. */
function orNone<T>(parse: (word: string) => T): (word: string) => T | "none" {
  return (word) => (word === "none" ? "none" : parse(word));
}

export const set = buildCommand({
  docs: {
    brief: "Change quota and times of a session",
    fullDescription:
      "A quota counts at once, also for who is logged in. --ttl counts from now.\n\n" +
      "Examples:\n  pinetboot session set k3v9x2m1qa --quota 4G\n  pinetboot session set k3v9x2m1qa --ttl none",
  },
  parameters: {
    flags: {
      ...commonFlags,
      quota: {
        kind: "parsed",
        parse: orNone((word: string) => {
          parseSize(word);
          return word;
        }),
        brief: "What it may take on this computer's disk, like 2G; none takes the quota away",
        placeholder: "size",
        optional: true,
      },
      ttl: {
        kind: "parsed",
        parse: orNone(parseDuration),
        brief: "Suspend it after this time, like 2h or 7d; none: never",
        placeholder: "time",
        optional: true,
      },
      "evict-after": timeFlag("Remove it after this time of suspension"),
      persistent: {
        kind: "enum",
        values: ["yes", "no"],
        brief: "Keep what is written over a clean logout, or throw it away",
        optional: true,
      },
    },
    positional: oneSession,
  },
  async func(flags: SetFlags, session: string) {
    const { quota, ttl, "evict-after": evictAfter, persistent } = flags;
    const body = {
      ...(quota !== undefined && { quota: quota === "none" ? null : quota }),
      ...(ttl !== undefined && { ttl_seconds: ttl === "none" ? null : Math.ceil(ttl / 1000) }),
      ...(evictAfter !== undefined && { evict_after_seconds: Math.ceil(evictAfter / 1000) }),
      ...(persistent !== undefined && { ephemeral: persistent === "no" }),
    };
    if (Object.keys(body).length === 0)
      throw new ApplianceError("bad-request", "There is nothing to change", "pinetboot session set --help");
    const after = await withApi(flags, "session set", (api) =>
      read(api.client.sessions[":id"].$patch({ param: { id: session }, json: body })),
    );
    if (flags.json) printJson(after);
    else console.log(`Session ${after.id} was changed.`);
  },
});
