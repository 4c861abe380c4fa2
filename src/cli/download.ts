/** Saves a disk that a server sends: whole and under its name at the end, or not at all. */
import { setTimeout as sleep } from "node:timers/promises";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { ApplianceError, errnoOf, formatSize, giveToCaller, wordsOf } from "../appliance/index.ts";
import { ProgressLine } from "./progress-line.ts";
import { writeOut } from "./standard-output.ts";

/** Asks for the disk, from a byte on when it is given; `etag` is of the part that is there. */
export type AskForBytes = (range: { readonly from: number; readonly etag: string } | undefined) => Promise<
  Pick<Response, "body" | "status"> & {
    readonly headers: Headers;
  }
>;

export interface DownloadOptions {
  readonly path: string;
  /** Replace what is there under the name. */
  readonly replace: boolean;
  readonly quiet: boolean;
  readonly signal: AbortSignal;
  readonly ask: AskForBytes;
}

/** Each byte that got through begins the count anew. */
const TRIES_MAX = 10;
const RETRY_MS = 2_000;
/** What is all zeros is left out of the file in pieces of this size: most of a disk is empty. */
const HOLE_BYTES = 64 * 1024;
const ZEROS = Buffer.alloc(HOLE_BYTES);

/** Resolves with the size of the file. Throws in words what keeps it from being written. */
export async function download(options: DownloadOptions): Promise<number> {
  const { path, replace, signal } = options;
  const there = await stat(path).catch(() => undefined);
  if (there && !there.isFile())
    throw new ApplianceError(
      "bad-request",
      `${path} is no file`,
      "Give the name of a file; sudo dd writes it to a device.",
    );
  if (there && !replace)
    throw new ApplianceError(
      "already-exists",
      `${path} is there already`,
      "Choose another name, or add --force.",
    );
  const part = `${path}.part-${process.pid}`;
  const file = await open(part, "wx").catch((error: unknown) => {
    throw unwritable(error, path);
  });
  try {
    const size = await fill(file, options);
    await file.truncate(size);
    await file.sync();
    await file.close();
    await rename(part, path);
    giveToCaller(path);
    return size;
  } catch (error) {
    await file.close();
    await rm(part, { force: true });
    if (signal.aborted) throw new ApplianceError("timeout", "Interrupted: nothing of it stays");
    throw errnoOf(error)?.startsWith("E") && !(error instanceof ApplianceError)
      ? unwritable(error, path)
      : error;
  }
}

/** Passes the bytes on as they come, for a pipe. */
export async function passOn({ ask }: Pick<DownloadOptions, "ask">): Promise<void> {
  const { body } = await ask(undefined);
  for await (const piece of body ?? []) await writeOut(piece);
}

async function fill(file: FileHandle, options: DownloadOptions): Promise<number> {
  const { path, quiet, ask, signal } = options;
  const line = new ProgressLine(`Downloading ${path}`, quiet);
  const startedAt = performance.now();
  let at = 0;
  let etag: string | undefined;
  try {
    for (let tries = 1; ; tries++) {
      const before = at;
      try {
        const answer = await ask(at > 0 && etag !== undefined ? { from: at, etag } : undefined);
        if (answer.status !== 206) at = 0;
        etag = answer.headers.get("accept-ranges") === "bytes" ? (answer.headers.get("etag") ?? etag) : etag;
        const length = answer.headers.get("content-length");
        const total = length === null ? undefined : at + Number(length);
        for await (const piece of answer.body ?? []) {
          await writeSparse(file, piece, at);
          at += piece.length;
          line.show(progressOf(at, total, startedAt));
        }
        if (total !== undefined && at !== total) throw new Error("the server stopped sending");
        return at;
      } catch (error) {
        if (signal.aborted || !mayGoOn(error)) throw error;
        if (at > before) tries = 1;
        // Packed as it goes, it cannot be gone on with; begun anew it may be lost at the same place again.
        if (tries >= TRIES_MAX || etag === undefined) throw lost(error);
        await sleep(RETRY_MS, undefined, { signal });
      }
    }
  } finally {
    line.end();
  }
}

/** True when the connection was at fault, and not what was asked for or the disk of this computer. */
function mayGoOn(error: unknown): boolean {
  if (error instanceof ApplianceError) return error.code === "unreachable";
  return !/^E(?:NOSPC|DQUOT|IO|FBIG|ROFS|ACCES|PERM)$/.test(errnoOf(error) ?? "");
}

function lost(error: unknown): ApplianceError {
  return new ApplianceError(
    "unreachable",
    `The download was cut off: ${wordsOf(error)}`,
    "Run the same command again.",
    { cause: error },
  );
}

async function writeSparse(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let from = 0; from < bytes.length; from += HOLE_BYTES) {
    const piece = bytes.subarray(from, from + HOLE_BYTES);
    if (!ZEROS.subarray(0, piece.length).equals(piece)) await writeAll(file, piece, at + from);
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;)
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
}

function progressOf(done: number, total: number | undefined, startedAt: number) {
  const spentSeconds = (performance.now() - startedAt) / 1000;
  return {
    step: formatSize(done),
    fraction: total === undefined ? null : done / Math.max(1, total),
    etaSeconds: total === undefined ? null : Math.ceil((spentSeconds * (total - done)) / Math.max(1, done)),
  };
}

function unwritable(error: unknown, path: string): ApplianceError {
  const isFull = ["ENOSPC", "EDQUOT"].includes(errnoOf(error) ?? "");
  return isFull
    ? new ApplianceError("no-space", `There is no room for ${path}`, "Make room there.", { cause: error })
    : new ApplianceError(
        "not-permitted",
        `${path} cannot be written: ${wordsOf(error)}`,
        "Choose another folder.",
        {
          cause: error,
        },
      );
}
