/** `pinetboot image export`, `history`, `df` and `gc`. */
import { resolve } from "node:path";
import { buildCommand } from "@stricli/core";
import { formatSize } from "../../appliance/index.ts";
import { CollectedSchema, HistorySchema, JobSchema, StorageSchema } from "../../web/index.ts";
import { call, withApi } from "../backend.ts";
import { exportFlags, formatOf, type ExportFlags } from "../export-flags.ts";
import { type CommonFlags, commonFlags, text } from "../flags.ts";
import { followCopy } from "../follow-copy.ts";
import { printJson, printTable } from "../output.ts";

const image = { brief: "Name, id, or the first 8 digits of it", parse: text, placeholder: "image" };

export const exportImage = buildCommand({
  docs: {
    brief: "Write an image to a file",
    fullDescription: "Example:\n  pinetboot image export raspios raspios.img.xz",
  },
  parameters: {
    flags: { ...commonFlags, ...exportFlags },
    positional: {
      kind: "tuple",
      parameters: [image, { brief: "The file", parse: text, placeholder: "file" }],
    },
  },
  async func(flags: CommonFlags & ExportFlags, name: string, file: string) {
    const done = await withApi(flags, "image export", async (api) => {
      const job = await call(api, "POST", `/api/images/${encodeURIComponent(name)}/export`, {
        schema: JobSchema,
        body: { path: resolve(file), format: formatOf(flags, file), replace: flags.force },
      });
      return followCopy(api, job, { label: "Exporting", quiet: flags.json });
    });
    if (flags.json) printJson(done);
    else console.log(`${file} is written: ${formatSize(done.written_bytes ?? 0)} of content.`);
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
      call(api, "GET", `/api/images/${encodeURIComponent(name)}/history`, { schema: HistorySchema }),
    );
    if (flags.json) printJson(chain);
    else
      printTable(
        chain,
        [
          { title: "IMAGE", value: ({ name: called, image: id }) => called ?? id.slice(0, 12) },
          { title: "ID", value: ({ image: id }) => id.slice(0, 12) },
          {
            title: "SIZE",
            value: ({ size_bytes }) => (size_bytes === null ? "-" : formatSize(size_bytes)),
          },
          { title: "MADE", value: ({ made_at }) => made_at?.slice(0, 16).replace("T", " ") ?? "-" },
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
    const storage = await withApi(flags, "image df", (api) =>
      call(api, "GET", "/api/storage", { schema: StorageSchema }),
    );
    if (flags.json) {
      printJson(storage);
      return;
    }
    printTable(
      storage.rows,
      [
        { title: "KIND", value: ({ kind }) => kind },
        { title: "NAME", value: ({ name }) => name },
        { title: "DISK", value: ({ size_bytes }) => formatSize(size_bytes) },
        { title: "ITS OWN", value: ({ exclusive_bytes }) => formatSize(exclusive_bytes) },
        { title: "SHARED", value: ({ shared_bytes }) => formatSize(shared_bytes) },
        { title: "SESSIONS", value: ({ kind, users }) => (kind === "image" ? String(users) : "-") },
      ],
      "There are neither images nor sessions.",
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
      call(api, "POST", "/api/storage/gc", { schema: CollectedSchema, body: { dry_run: flags["dry-run"] } }),
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
