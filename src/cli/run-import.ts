/** Carries out an import and says how it goes. */
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { ApplianceError, formatSize, wordsOf } from "../appliance/index.ts";
import type { Answered, ApiClient } from "../web/index.ts";
import { type Api, read, withApi } from "./backend.ts";
import type { CommonFlags } from "./flags.ts";
import { followJob } from "./follow-job.ts";
import { untilInterrupted } from "./interruption.ts";
import { printJson } from "./output.ts";
import { uploadBytes, uploadFile } from "./upload.ts";

type ImportJob = Answered<Awaited<ReturnType<ApiClient["imports"][":id"]["$get"]>>>;
type ImportBody = Parameters<ApiClient["images"]["$post"]>[0]["json"];
type From = Pick<ImportBody, "path" | "url" | "upload" | "catalog">;

export interface ImportOrder {
  /** For whoever finds the folder locked. */
  readonly command: string;
  /** What is imported, for the progress line. */
  readonly what: string;
  readonly from: From;
  readonly settings: Pick<ImportBody, "name" | "sha256" | "format">;
  /** The bytes are those of standard input. */
  readonly fromInput?: boolean;
}

/** Imports, shows the progress, and says what is in the library then. Throws the import's own failure. */
export async function importAndSay(
  flags: CommonFlags,
  { command, what, from, settings, fromInput = false }: ImportOrder,
): Promise<void> {
  const { image, job } = await untilInterrupted((interrupt) =>
    withApi(flags, command, async (api) => {
      // The server's computer has another disk: it gets the file's bytes.
      const file = api.at === "remote" && from.path !== undefined ? await localFile(from.path) : undefined;
      const source = file ? { upload: { file: file.name, size_bytes: file.blob.size } } : from;
      const begun = await read(api.client.images.$post({ json: { ...source, ...settings } }));
      const param = { id: begun.id };
      const sending = orItsOwnWords(api, begun.id, interrupt, () => {
        if (file) return uploadFile(api, begun.id, file.blob, interrupt);
        return fromInput
          ? uploadBytes(api, begun.id, Bun.stdin.stream(), { signal: interrupt })
          : Promise.resolve();
      });
      const following = followJob(begun, {
        label: `Importing ${what}`,
        quiet: flags.json,
        interrupt,
        look: () => read(api.client.imports[":id"].$get({ param })),
        cancel: () => api.client.imports[":id"].$delete({ param }),
        step: stepOf,
      }).catch(async (error: unknown) => {
        // An import that was given up because its bytes could not be sent: why they could not is what counts.
        await sending;
        throw error;
      });
      const [job] = await Promise.all([following, sending]);
      const image = await read(api.client.images[":id"].$get({ param: { id: job.image ?? "" } }));
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

/** A file of this computer that another one is to have. Throws in words when it cannot be sent. */
async function localFile(path: string): Promise<{ readonly name: string; readonly blob: Blob }> {
  const found = await stat(path).catch((error: unknown) => {
    throw new ApplianceError("not-found", `${path} cannot be read: ${wordsOf(error)}`, "Name a file.");
  });
  if (!found.isFile())
    throw new ApplianceError("bad-request", `${path} is no file`, "Send it by a pipe: image import - < FILE");
  if (found.size === 0) throw new ApplianceError("bad-request", `${path} is empty`, "Name a disk image.");
  return { name: basename(path), blob: Bun.file(path) };
}

/** Sends bytes. When the import fails before their end, its own words are what is said. */
async function orItsOwnWords(
  { client }: Api,
  id: string,
  interrupt: AbortSignal,
  send: () => Promise<void>,
): Promise<void> {
  const param = { id };
  try {
    await send();
  } catch (error) {
    const { error: failure, state } = await read(client.imports[":id"].$get({ param }));
    if (failure || interrupt.aborted) return;
    if (state === "running") await client.imports[":id"].$delete({ param });
    throw error;
  }
}

function stepOf({ stage, done_bytes, note, state }: ImportJob): string {
  const words = done_bytes === 0 ? stage : `${stage}, ${formatSize(done_bytes)}`;
  return note !== null && state === "running" ? `${words} (${note}; trying again)` : words;
}
