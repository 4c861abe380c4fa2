/** `pinetboot job ...`: imports, commits and exports under way, and those that ended lately. */
import { buildCommand, buildRouteMap } from "@stricli/core";
import { ApplianceError, formatDuration, formatSize } from "../../appliance/index.ts";
import type { Answered, ApiClient } from "../../web/index.ts";
import { type Api, read, withServer } from "../backend.ts";
import { type CommonFlags, commonFlags, text } from "../flags.ts";
import { printJson, printTable } from "../output.ts";
import { propose } from "../complete-names.ts";

type Copy = Answered<Awaited<ReturnType<ApiClient["jobs"]["$get"]>>>[number];
type Import = Answered<Awaited<ReturnType<ApiClient["imports"]["$get"]>>>[number];

/** Imports have numbers of their own: an i before theirs tells them from the others. */
const IMPORT = "i";

/** One of either kind. */
interface Job extends Pick<Copy, "state" | "done_bytes" | "total_bytes" | "eta_seconds" | "image" | "error"> {
  readonly id: string;
  readonly kind: Copy["kind"] | "import";
  readonly subject: string;
  readonly path: string | null;
}

const list = buildCommand({
  docs: {
    brief: "List imports, commits and exports under way, and those that ended lately",
    fullDescription: "A server keeps them until it is stopped.\n\nExample:\n  pinetboot job list",
  },
  parameters: { flags: commonFlags },
  async func(flags: CommonFlags) {
    const jobs = await withServer(flags, all);
    if (flags.json) printJson(jobs);
    else
      printTable(
        jobs,
        [
          { title: "ID", value: ({ id }) => id },
          { title: "KIND", value: ({ kind }) => kind, whole: true, spare: 2 },
          { title: "WHAT", value: ({ subject }) => subject },
          { title: "STATE", value: ({ state }) => state, whole: true },
          { title: "DONE", value: doneText, whole: true },
          { title: "LEFT", value: leftText, whole: true, spare: 1 },
        ],
        "Nothing is under way, and nothing ended since the server started. pinetboot image import FILE begins something.",
      );
  },
});

const oneJob = {
  kind: "tuple",
  parameters: [
    {
      brief: "Id of the job, as job list has it",
      parse: text,
      placeholder: "id",
      proposeCompletions: propose("jobs"),
    },
  ],
} as const;

const show = buildCommand({
  docs: {
    brief: "Show one import, commit or export",
    fullDescription: "Example:\n  pinetboot job show 3",
  },
  parameters: { flags: commonFlags, positional: oneJob },
  async func(flags: CommonFlags, id: string) {
    const job = await withServer(flags, (api) => one(api, id));
    if (flags.json) printJson(job);
    else
      console.log(`Job ${job.id}: ${job.kind} of ${job.subject}
  state      ${job.state}
  done       ${doneText(job)}${job.total_bytes === null ? "" : ` of ${formatSize(job.total_bytes)}`}
  left       ${leftText(job)}
  image      ${job.image?.slice(0, 12) ?? "-"}
  file       ${job.path ?? "-"}${job.error ? `\n\n${job.error.message}${job.error.fix === null ? "" : `\n  -> ${job.error.fix}`}` : ""}`);
  },
});

const cancel = buildCommand({
  docs: {
    brief: "Stop an import, commit or export; nothing of it stays",
    fullDescription:
      "One that has ended stays as it is, and that is said.\n\nExample:\n  pinetboot job cancel 3",
  },
  parameters: { flags: commonFlags, positional: oneJob },
  async func(flags: CommonFlags, id: string) {
    const job = await withServer(flags, async (api) => {
      const before = await one(api, id);
      if (before.state !== "running")
        throw new ApplianceError(
          "not-found",
          `Job ${id} has ended already: ${before.state}`,
          "pinetboot job list",
        );
      if (before.kind === "import")
        await api.client.imports[":id"].$delete({ param: { id: id.slice(IMPORT.length) } });
      else await api.client.jobs[":id"].$delete({ param: { id } });
      return one(api, id);
    });
    if (flags.json) printJson(job);
    else if (job.state === "done") console.log(`Job ${id} was done before it could be stopped.`);
    else console.log(`Job ${id} was stopped: nothing of it stays.`);
  },
});

async function all({ client }: Api): Promise<readonly Job[]> {
  const [imports, copies] = await Promise.all([read(client.imports.$get()), read(client.jobs.$get())]);
  return [...imports.map(ofImport), ...copies.map(ofCopy)];
}

async function one(api: Api, id: string): Promise<Job> {
  const job = (await all(api)).find((each) => each.id === id);
  if (job) return job;
  throw new ApplianceError(
    "not-found",
    `There is no job ${id}`,
    "pinetboot job list shows those that there are.",
  );
}

function ofImport({ id, source, state, done_bytes, total_bytes, eta_seconds, image, error }: Import): Job {
  const same = { state, done_bytes, total_bytes, eta_seconds, image, error };
  return { id: IMPORT + id, kind: "import", subject: source, path: null, ...same };
}

function ofCopy({
  id,
  kind,
  subject,
  path,
  state,
  done_bytes,
  total_bytes,
  eta_seconds,
  image,
  error,
}: Copy): Job {
  return { id, kind, subject, path, state, done_bytes, total_bytes, eta_seconds, image, error };
}

function doneText({ state, done_bytes, total_bytes }: Job): string {
  if (state !== "running" || total_bytes === null) return formatSize(done_bytes);
  return `${Math.floor((100 * done_bytes) / Math.max(1, total_bytes))} %`;
}

function leftText({ state, eta_seconds }: Job): string {
  return state !== "running" || eta_seconds === null ? "-" : formatDuration(eta_seconds * 1000);
}

export const jobRoutes = buildRouteMap({
  routes: { list, show, cancel },
  docs: { brief: "Imports, commits and exports under way" },
});
