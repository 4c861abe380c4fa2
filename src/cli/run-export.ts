/** Carries out an export: by the server into a file of its own computer, or by sending the disk to this one. */
import { resolve } from "node:path";
import { ApplianceError, DOWNLOAD_FORMATS, type DownloadFormat, formatSize } from "../appliance/index.ts";
import { type Api, withApi } from "./backend.ts";
import { type AskForBytes, download, passOn } from "./download.ts";
import { type ExportFlags, type ExportFormat, formatOf } from "./export-flags.ts";
import type { CommonFlags } from "./flags.ts";
import { followCopy, type Job } from "./follow-copy.ts";
import { untilInterrupted } from "./interruption.ts";
import { printJson } from "./output.ts";

/** The server writes this file. */
export interface ExportTarget {
  readonly path: string;
  readonly format: ExportFormat;
  readonly replace: boolean;
}

/** Goes along with a request for the disk's bytes. */
export interface ByteInit {
  readonly headers: Record<string, string>;
  readonly init: { readonly signal: AbortSignal };
}

/** What is exported, in the calls of the API that do it. */
export interface ExportSource {
  /** For whoever finds the folder locked. */
  readonly command: string;
  readonly begin: (api: Api, target: ExportTarget) => Promise<Job>;
  readonly bytes: (api: Api, format: DownloadFormat, init: ByteInit) => ReturnType<AskForBytes>;
}

const STANDARD_OUTPUT = "-";

/** Exports to `file`, or to standard output for "-", and says so. */
export async function exportAndSay(
  flags: CommonFlags & ExportFlags,
  file: string,
  source: ExportSource,
): Promise<void> {
  const format = formatOf(flags, file);
  const toOutput = file === STANDARD_OUTPUT;
  if (toOutput && process.stdout.isTTY)
    throw new ApplianceError(
      "bad-request",
      "A terminal cannot take the bytes of a disk",
      "Send them on (pinetboot ... - | PROGRAM), or name a file.",
    );
  const path = resolve(file);
  const done = await withApi(flags, source.command, async (api) => {
    if (toOutput || api.at === "remote") {
      const signal = { path: toOutput ? undefined : path, format: sendable(format), flags };
      return {
        sent: await untilInterrupted((interrupt) => fetchDisk(api, source, { ...signal, interrupt })),
      };
    }
    const job = await source.begin(api, { path, format, replace: flags.force });
    return { job: await followCopy(api, job, { label: "Exporting", quiet: flags.json }) };
  });
  if (toOutput) return;
  if (flags.json) printJson(done.job ?? { path, format, size_bytes: done.sent });
  else if (done.job)
    console.log(`${file} is written: ${formatSize(done.job.written_bytes ?? 0)} of content.`);
  else console.log(`${file} is written: ${formatSize(done.sent ?? 0)}.`);
}

interface FetchOptions {
  readonly path: string | undefined;
  readonly format: DownloadFormat;
  readonly flags: CommonFlags & ExportFlags;
  readonly interrupt: AbortSignal;
}

async function fetchDisk(
  api: Api,
  source: ExportSource,
  { path, format, flags, interrupt }: FetchOptions,
): Promise<number | undefined> {
  const ask: AskForBytes = (range) =>
    source.bytes(api, format, {
      headers: range ? { range: `bytes=${range.from}-`, "if-range": range.etag } : {},
      init: { signal: interrupt },
    });
  if (path === undefined) return passOn({ ask }).then(() => undefined);
  return download({ path, replace: flags.force, quiet: flags.json, signal: interrupt, ask });
}

/** A qcow2 file cannot be written from its beginning to its end. */
function sendable(format: ExportFormat): DownloadFormat {
  const found = DOWNLOAD_FORMATS.find((known) => known === format);
  if (found) return found;
  throw new ApplianceError(
    "bad-request",
    `${format} is not sent over a network or a pipe`,
    `Take raw (--format raw), then: qemu-img convert -O ${format} FILE.img FILE.${format}`,
  );
}
