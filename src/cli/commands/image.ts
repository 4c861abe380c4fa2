/** `pinetboot image ...` */
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildCommand, buildRouteMap } from "@stricli/core";
import { z } from "zod";
import { ApplianceError, formatSize } from "../../appliance/index.ts";
import { ImageInfoSchema, ImageSchema, ImportSchema } from "../../web/index.ts";
import { type Api, call, order, withApi } from "../backend.ts";
import { type CommonFlags, commonFlags, text } from "../flags.ts";
import { printJson, printTable } from "../output.ts";
import { df, exportImage, gc, history } from "./image-storage.ts";
import { ProgressLine } from "../progress-line.ts";

type ImportJob = z.infer<typeof ImportSchema>;

const FOLLOW_MS = 150;

const importCommand = buildCommand({
  docs: {
    brief: "Take a disk image into the library",
    fullDescription:
      "Raw images, also compressed with gzip, xz or zstd; what it is is told by its content. The file is not changed.\n\n" +
      "Example:\n  pinetboot image import raspios.img.xz --name raspios",
  },
  parameters: {
    flags: {
      ...commonFlags,
      name: { kind: "parsed", parse: text, brief: "Name for it", placeholder: "name", optional: true },
    },
    positional: {
      kind: "tuple",
      parameters: [{ brief: "The file", parse: text, placeholder: "file" }],
    },
  },
  async func(flags: CommonFlags & { readonly name?: string }, file: string) {
    const image = await untilInterrupted((interrupt) =>
      withApi(flags, "image import", async (api) => {
        const job = await call(api, "POST", "/api/images", {
          schema: ImportSchema,
          body: { path: resolve(file), ...(flags.name !== undefined && { name: flags.name }) },
        });
        const done = await follow(api, job, { quiet: flags.json, interrupt });
        return call(api, "GET", `/api/images/${done.image}`, { schema: ImageInfoSchema });
      }),
    );
    if (flags.json) printJson(image);
    else
      console.log(
        `${image.name} is in the library: ${formatSize(image.size_bytes)}, id ${image.id.slice(0, 12)}`,
      );
  },
});

interface FollowOptions {
  readonly quiet: boolean;
  /** Cancels the import. */
  readonly interrupt: AbortSignal;
}

/** Shows an import's progress until it ends. Throws its failure. */
async function follow(api: Api, first: ImportJob, { quiet, interrupt }: FollowOptions): Promise<ImportJob> {
  const line = new ProgressLine("Importing", quiet);
  let job = first;
  while (job.state === "running") {
    if (interrupt.aborted) await order(api, "DELETE", `/api/imports/${first.id}`);
    else await sleep(FOLLOW_MS);
    job = await call(api, "GET", `/api/imports/${first.id}`, { schema: ImportSchema });
    line.show({
      step: `${job.stage}, ${formatSize(job.done_bytes)}`,
      fraction: job.total_bytes === null ? null : Math.min(1, job.done_bytes / job.total_bytes),
      etaSeconds: job.eta_seconds,
    });
  }
  line.end();
  if (job.error) throw new ApplianceError(job.error.code, job.error.message, job.error.fix ?? undefined);
  return job;
}

/** Runs `work` with a signal that aborts when a person or a script interrupts the command. */
async function untilInterrupted<T>(work: (interrupt: AbortSignal) => Promise<T>): Promise<T> {
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort();
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  try {
    return await work(interruption.signal);
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}

const list = buildCommand({
  docs: { brief: "List the images", fullDescription: "Example:\n  pinetboot image list" },
  parameters: { flags: commonFlags },
  async func(flags: CommonFlags) {
    const images = await withApi(flags, "image list", (api) =>
      call(api, "GET", "/api/images", { schema: z.array(ImageSchema) }),
    );
    if (flags.json) printJson(images);
    else
      printTable(
        images,
        [
          { title: "NAME", value: ({ names, name }) => names.join(", ") || name },
          { title: "ID", value: ({ id }) => id.slice(0, 12) },
          { title: "SIZE", value: ({ size_bytes }) => formatSize(size_bytes) },
          {
            title: "IMPORTED",
            value: ({ imported_at }) => imported_at?.slice(0, 16).replace("T", " ") ?? "-",
          },
          { title: "FROM", value: ({ source }) => source ?? "-" },
        ],
        "The library is empty.",
      );
  },
});

const nameArgument = {
  kind: "tuple",
  parameters: [{ brief: "Name, id, or the first 8 digits of it", parse: text, placeholder: "image" }],
} as const;

const info = buildCommand({
  docs: { brief: "Show one image", fullDescription: "Example:\n  pinetboot image info raspios" },
  parameters: { flags: commonFlags, positional: nameArgument },
  async func(flags: CommonFlags, name: string) {
    const image = await withApi(flags, "image info", (api) =>
      call(api, "GET", `/api/images/${encodeURIComponent(name)}`, { schema: ImageInfoSchema }),
    );
    if (flags.json) {
      printJson(image);
      return;
    }
    console.log(`${image.name}
  id         ${image.id}
  names      ${image.names.join(", ") || "-"}
  size       ${formatSize(image.size_bytes)}, ${formatSize(image.allocated_bytes)} on disk
  imported   ${image.imported_at ?? "-"} from ${image.source ?? "-"}
  used by    ${image.used_by.join(", ") || "nobody"}
  partitions ${image.partition_scheme}`);
    for (const { number, start_bytes, size_bytes, type } of image.partitions)
      console.log(`    ${number}  ${formatSize(size_bytes)} at ${formatSize(start_bytes)}  ${type}`);
  },
});

const remove = buildCommand({
  docs: {
    brief: "Remove an image; refused while a session or a Pi needs it",
    fullDescription: "Example:\n  pinetboot image remove raspios",
  },
  parameters: { flags: commonFlags, positional: nameArgument },
  async func(flags: CommonFlags, name: string) {
    await withApi(flags, "image remove", (api) =>
      order(api, "DELETE", `/api/images/${encodeURIComponent(name)}`),
    );
    if (flags.json) printJson({ removed: name });
    else console.log(`${name} was removed.`);
  },
});

export const imageRoutes = buildRouteMap({
  routes: { import: importCommand, list, info, export: exportImage, history, df, gc, remove },
  docs: { brief: "The library of disk images" },
});
