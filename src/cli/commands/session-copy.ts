/** `pinetboot session commit` and `export`. */
import { buildCommand } from "@stricli/core";
import { ApplianceError, formatSize } from "../../appliance/index.ts";
import { read, withApi } from "../backend.ts";
import { propose } from "../complete-names.ts";
import { EXPORT_WORDS, exportFlags, type ExportFlags } from "../export-flags.ts";
import { type CommonFlags, commonFlags, text } from "../flags.ts";
import { followCopy } from "../follow-copy.ts";
import { printJson } from "../output.ts";
import { exportAndSay } from "../run-export.ts";

const id = {
  brief: "Id or IQN of the session",
  parse: text,
  placeholder: "id",
  proposeCompletions: propose("sessions"),
};

interface ChoiceFlags {
  readonly snapshot?: string;
  readonly lun?: number;
}

const choiceFlags = {
  snapshot: {
    kind: "parsed",
    parse: text,
    brief: "The disk as it was then; also while an initiator is logged in",
    placeholder: "name",
    optional: true,
  },
  lun: {
    kind: "parsed",
    parse: lunNumber,
    brief: "Which disk of the session (default: 0)",
    placeholder: "number",
    optional: true,
  },
} as const;

function lunNumber(word: string): number {
  if (/^\d{1,3}$/.test(word)) return Number(word);
  throw new ApplianceError(
    "bad-request",
    `"${word}" is not the number of a disk`,
    "They are counted from 0.",
  );
}

function choiceOf({ snapshot, lun }: ChoiceFlags): ChoiceFlags {
  return { ...(snapshot !== undefined && { snapshot }), ...(lun !== undefined && { lun }) };
}

export const commit = buildCommand({
  docs: {
    brief: "Make an image of a session's disk",
    fullDescription:
      "The image holds the whole disk and needs nothing beneath it; pinetboot image history says what it came from.\n" +
      "The session stays as it is. Refused while an initiator is logged in, unless --snapshot names one.\n\n" +
      "Example:\n  pinetboot session commit k3v9x2m1qa --name raspios-with-tools",
  },
  parameters: {
    flags: {
      ...commonFlags,
      ...choiceFlags,
      name: {
        kind: "parsed",
        parse: text,
        brief: "Name for the image (default: session-ID)",
        placeholder: "name",
        optional: true,
      },
    },
    positional: { kind: "tuple", parameters: [id] },
  },
  async func(flags: CommonFlags & ChoiceFlags & { readonly name?: string }, session: string) {
    const image = await withApi(flags, "session commit", async (api) => {
      const job = await read(
        api.client.sessions[":id"].commit.$post({
          param: { id: session },
          json: { ...choiceOf(flags), ...(flags.name !== undefined && { name: flags.name }) },
        }),
      );
      const done = await followCopy(api, job, { label: "Committing", quiet: flags.json });
      return read(api.client.images[":id"].$get({ param: { id: done.image ?? "" } }));
    });
    if (flags.json) printJson(image);
    else
      console.log(
        `${image.name} is in the library: ${formatSize(image.size_bytes)}, ${formatSize(image.allocated_bytes)} on disk, id ${image.id.slice(0, 12)}`,
      );
  },
});

export const exportCommand = buildCommand({
  docs: {
    brief: "Write a session's disk to a file that needs no other",
    fullDescription:
      `${EXPORT_WORDS} A raw file can be written\nto an SD card (docs/sessions.md says what a Pi needs to boot from it alone). Refused while an\n` +
      "initiator is logged in, unless --snapshot names one.\n\n" +
      "Examples:\n  pinetboot session export k3v9x2m1qa card.img\n  pinetboot session export k3v9x2m1qa backup.img.xz",
  },
  parameters: {
    flags: { ...commonFlags, ...choiceFlags, ...exportFlags },
    positional: {
      kind: "tuple",
      parameters: [id, { brief: "The file, or - for standard output", parse: text, placeholder: "file" }],
    },
  },
  async func(flags: CommonFlags & ChoiceFlags & ExportFlags, session: string, file: string) {
    const param = { id: session };
    const choice = choiceOf(flags);
    await exportAndSay(flags, file, {
      command: "session export",
      begin: ({ client }, target) =>
        read(client.sessions[":id"].export.$post({ param, json: { ...choice, ...target } })),
      bytes: ({ client }, format, init) =>
        client.sessions[":id"].data.$get({ param, query: { ...choice, format } }, init),
    });
  },
});
