/** `pinetboot image import` and `pinetboot image pull`. */
import { basename, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildCommand } from "@stricli/core";
import type { z } from "zod";
import { ApplianceError, FORMAT_CHOICES, formatSize, type FormatChoice } from "../../appliance/index.ts";
import { ImageInfoSchema, ImportSchema } from "../../web/index.ts";
import { type Api, call, order, withApi } from "../backend.ts";
import { type CommonFlags, commonFlags, text } from "../flags.ts";
import { printJson } from "../output.ts";
import { ProgressLine } from "../progress-line.ts";

type ImportJob = z.infer<typeof ImportSchema>;

const FOLLOW_MS = 150;
const WEB_ADDRESS = /^[a-z][a-z0-9+.-]*:\/\//i;
const STANDARD_INPUT = "-";

const nameFlag = {
  kind: "parsed",
  parse: text,
  brief: "Name for it (default: the file's)",
  placeholder: "name",
  optional: true,
} as const;
const sha256Flag = {
  kind: "parsed",
  parse: text,
  brief: "sha256 sum of the file, or of the image in it",
  placeholder: "sum",
  optional: true,
} as const;

interface ImportFlags extends CommonFlags {
  readonly name?: string;
  readonly sha256?: string;
  readonly format: FormatChoice;
}

export const importCommand = buildCommand({
  docs: {
    brief: "Take a disk image into the library",
    fullDescription:
      "From a file, an http or https address, or standard input (-). Raw images and ISOs, qcow2, and images packed with\n" +
      "gzip, xz, zstd, bzip2 or zip; what it is is told by its content. The file is not changed. An address whose\n" +
      "connection was lost goes on where it stopped when the same command is run again.\n\n" +
      "Example:\n  pinetboot image import raspios.img.xz --name raspios\n" +
      "  pinetboot image import https://example.org/disk.qcow2 --sha256 SUM\n" +
      "  ssh pi sudo cat /dev/mmcblk0 | pinetboot image import - --name card",
  },
  parameters: {
    flags: {
      ...commonFlags,
      name: nameFlag,
      sha256: sha256Flag,
      format: {
        kind: "enum",
        values: FORMAT_CHOICES,
        brief: "raw: a disk as it stands, even when it begins like qcow2",
        default: "auto",
      },
    },
    positional: {
      kind: "tuple",
      parameters: [
        { brief: "The file, its address, or - for standard input", parse: text, placeholder: "source" },
      ],
    },
  },
  async func({ data, json, name, sha256, format }: ImportFlags, source: string) {
    const input = source === STANDARD_INPUT;
    const from = input
      ? { upload: { file: "standard-input" } }
      : WEB_ADDRESS.test(source)
        ? { url: source }
        : { path: resolve(source) };
    const what = input ? "standard input" : basename(source);
    const body = { ...from, name, sha256, format };
    await importAndSay({ json, ...(data !== undefined && { data }) }, "image import", what, body, input);
  },
});

interface PullFlags extends CommonFlags {
  readonly name?: string;
  readonly repo?: string;
}

export const pullCommand = buildCommand({
  docs: {
    brief: "Fetch an image of the catalog by its name",
    fullDescription:
      "The names are those of pinetboot image catalog. What comes is compared with the catalog's sha256 sums.\n\n" +
      "Example:\n  pinetboot image pull raspios-lite\n" +
      "  pinetboot image pull raspios-lite --repo https://downloads.raspberrypi.com/os_list_imagingutility_v4.json",
  },
  parameters: {
    flags: {
      ...commonFlags,
      name: { ...nameFlag, brief: "Name for it (default: the catalog's)" },
      repo: {
        kind: "parsed",
        parse: text,
        brief: "Address of a Raspberry Pi Imager list to take it from",
        placeholder: "url",
        optional: true,
      },
    },
    positional: {
      kind: "tuple",
      parameters: [{ brief: "Name in the catalog", parse: text, placeholder: "name" }],
    },
  },
  async func({ data, json, name, repo }: PullFlags, entry: string) {
    const body = { catalog: { name: entry, repo }, name };
    await importAndSay({ json, ...(data !== undefined && { data }) }, "image pull", entry, body, false);
  },
});

async function importAndSay(
  flags: CommonFlags,
  command: string,
  what: string,
  body: object,
  fromInput: boolean,
): Promise<void> {
  const { image, job } = await untilInterrupted((interrupt) =>
    withApi(flags, command, async (api) => {
      const begun = await call(api, "POST", "/api/images", { schema: ImportSchema, body });
      const sending = fromInput ? sendInput(api, begun.id, interrupt) : Promise.resolve();
      const job = await follow(api, begun, { what, quiet: flags.json, interrupt });
      await sending;
      const image = await call(api, "GET", `/api/images/${job.image}`, { schema: ImageInfoSchema });
      return { image, job };
    }),
  );
  if (flags.json) {
    printJson({ ...image, already_there: job.already_there });
    return;
  }
  const size = `${formatSize(image.size_bytes)}, id ${image.id.slice(0, 12)}`;
  const names = image.names.join(", ") || image.name;
  console.log(
    job.already_there
      ? `The library has this image already, nothing was stored: ${names} (${size})`
      : `${names} is in the library: ${size}`,
  );
}

/** Sends standard input. When the import fails before its end, its own words are what is said. */
async function sendInput(api: Api, id: string, interrupt: AbortSignal): Promise<void> {
  try {
    await api.send(`/api/imports/${id}/data`, Bun.stdin.stream(), interrupt);
  } catch (error) {
    const { error: failure, state } = await call(api, "GET", `/api/imports/${id}`, { schema: ImportSchema });
    if (failure || interrupt.aborted) return;
    if (state === "running") await order(api, "DELETE", `/api/imports/${id}`);
    throw error;
  }
}

interface FollowOptions {
  readonly what: string;
  readonly quiet: boolean;
  /** Cancels the import. */
  readonly interrupt: AbortSignal;
}

/** Shows an import's progress until it ends. Throws its failure. */
async function follow(
  api: Api,
  first: ImportJob,
  { what, quiet, interrupt }: FollowOptions,
): Promise<ImportJob> {
  const line = new ProgressLine(`Importing ${what}`, quiet);
  let job = first;
  while (job.state === "running") {
    if (interrupt.aborted) await order(api, "DELETE", `/api/imports/${first.id}`);
    else await sleep(FOLLOW_MS, undefined, { signal: interrupt }).catch(() => undefined);
    job = await look(api, first.id);
    line.show({
      step: stepOf(job),
      fraction: job.total_bytes === null ? null : Math.min(1, job.done_bytes / job.total_bytes),
      etaSeconds: job.eta_seconds,
    });
  }
  line.end();
  if (job.error) throw new ApplianceError(job.error.code, job.error.message, job.error.fix ?? undefined);
  return job;
}

/** The import as it is now. It ends with the server that carries it out. */
async function look(api: Api, id: string): Promise<ImportJob> {
  try {
    return await call(api, "GET", `/api/imports/${id}`, { schema: ImportSchema });
  } catch (error) {
    if (error instanceof ApplianceError) throw error;
    throw new ApplianceError(
      "not-serving",
      "The server was stopped, and the import with it",
      "Run the same command again.",
      { cause: error },
    );
  }
}

function stepOf({ stage, done_bytes, note, state }: ImportJob): string {
  const words = done_bytes === 0 ? stage : `${stage}, ${formatSize(done_bytes)}`;
  return note !== null && state === "running" ? `${words} (${note}; trying again)` : words;
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
