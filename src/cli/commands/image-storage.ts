/** `pinetboot image export`, `history`, `df` and `gc`. */
import { buildCommand } from "@stricli/core";
import { formatSize } from "../../appliance/index.ts";
import { read, withApi } from "../backend.ts";
import { propose } from "../complete-names.ts";
import { EXPORT_WORDS, exportFlags, type ExportFlags } from "../export-flags.ts";
import { type CommonFlags, commonFlags, text } from "../flags.ts";
import { printJson, printTable } from "../output.ts";
import { exportAndSay } from "../run-export.ts";

const image = {
  brief: "Name, id, or the first 8 digits of it",
  parse: text,
  placeholder: "image",
  proposeCompletions: propose("images"),
};

export const exportImage = buildCommand({
  docs: {
    brief: "Write an image to a file",
    fullDescription:
      `${EXPORT_WORDS}\n\n` +
      "Examples:\n  pinetboot image export raspios raspios.img.xz\n" +
      "  pinetboot image export raspios raspios.img --server 192.168.1.10",
  },
  parameters: {
    flags: { ...commonFlags, ...exportFlags },
    positional: {
      kind: "tuple",
      parameters: [image, { brief: "The file, or - for standard output", parse: text, placeholder: "file" }],
    },
  },
  async func(flags: CommonFlags & ExportFlags, name: string, file: string) {
    await exportAndSay(flags, file, {
      command: "image export",
      begin: ({ client }, target) =>
        read(client.images[":id"].export.$post({ param: { id: name }, json: target })),
      bytes: ({ client }, format, init) =>
        client.images[":id"].data.$get({ param: { id: name }, query: { format } }, init),
    });
  },
});

export const history = buildCommand({
  docs: {
    brief: "Show what an image came from",
    fullDescription: "Example:\n  pinetboot image history raspios-with-tools",
  },
  parameters: { flags: commonFlags, positional: { kind: "tuple", parameters: [image] } },
  async func(flags: CommonFlags, name: string) {
    const chain = await withApi(flags, "image history", (api) =>
      read(api.client.images[":id"].history.$get({ param: { id: name } })),
    );
    if (flags.json) printJson(chain);
    else
      printTable(
        chain,
        [
          { title: "IMAGE", value: ({ name: called, image: id }) => called ?? id.slice(0, 12) },
          { title: "ID", value: ({ image: id }) => id.slice(0, 12), whole: true },
          {
            title: "SIZE",
            value: ({ size_bytes }) => (size_bytes === null ? "-" : formatSize(size_bytes)),
            whole: true,
            spare: 1,
          },
          {
            title: "MADE",
            value: ({ made_at }) => made_at?.slice(0, 16).replace("T", " ") ?? "-",
            whole: true,
            spare: 2,
          },
          {
            title: "HOW",
            value: ({ by, in_library }) => (in_library ? by : `${by}; no longer in the library`),
          },
        ],
        "It came from nothing.",
      );
  },
});

export const df = buildCommand({
  docs: {
    brief: "Show what images and sessions take on this computer's disk",
    fullDescription:
      "ITS OWN is given back when it is removed; SHARED is needed by others as well. Real blocks, not sizes.\n\n" +
      "Example:\n  pinetboot image df",
  },
  parameters: { flags: commonFlags },
  async func(flags: CommonFlags) {
    const storage = await withApi(flags, "image df", (api) => read(api.client.storage.$get()));
    if (flags.json) {
      printJson(storage);
      return;
    }
    printTable(
      storage.rows,
      [
        { title: "KIND", value: ({ kind }) => kind },
        { title: "NAME", value: ({ name }) => name },
        { title: "DISK", value: ({ size_bytes }) => formatSize(size_bytes), whole: true, spare: 1 },
        { title: "ITS OWN", value: ({ exclusive_bytes }) => formatSize(exclusive_bytes), whole: true },
        { title: "SHARED", value: ({ shared_bytes }) => formatSize(shared_bytes), whole: true, spare: 3 },
        { title: "SESSIONS", value: ({ kind, users }) => (kind === "image" ? String(users) : "-"), spare: 2 },
      ],
      "There are neither images nor sessions. Take an image in: pinetboot image import FILE",
    );
    const { total_bytes, host_free_bytes, host_size_bytes } = storage;
    console.log(
      `\nAll together ${formatSize(total_bytes)}; ${formatSize(host_free_bytes)} of ${formatSize(host_size_bytes)} are free.`,
    );
  },
});

export const gc = buildCommand({
  docs: {
    brief: "Remove what nobody needs",
    fullDescription:
      "Files that no record speaks of, and images without a name that no session and no Pi uses.\n\n" +
      "Example:\n  pinetboot image gc --dry-run",
  },
  parameters: {
    flags: {
      ...commonFlags,
      "dry-run": { kind: "boolean", brief: "Show it and remove nothing", default: false, withNegated: false },
    },
  },
  async func(flags: CommonFlags & { readonly "dry-run": boolean }) {
    const found = await withApi(flags, "image gc", (api) =>
      read(api.client.storage.gc.$post({ json: { dry_run: flags["dry-run"] } })),
    );
    if (flags.json) {
      printJson(found);
      return;
    }
    printTable(
      found.items,
      [
        { title: "KIND", value: ({ kind }) => kind },
        { title: "NAME", value: ({ name }) => name },
        { title: "ON DISK", value: ({ bytes }) => formatSize(bytes) },
      ],
      "There is nothing that nobody needs.",
    );
    if (found.items.length > 0)
      console.log(`\n${flags["dry-run"] ? "Would free" : "Freed"} ${formatSize(found.bytes)}.`);
  },
});
