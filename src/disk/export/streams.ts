/** A disk as a stream of bytes: raw, or packed by the `xz` program. Reads go to the thread pool, packing to a child. */
import { constants } from "node:os";
import { DiskError } from "../disk-error.ts";
import { lowerPriority } from "../host/priority.ts";
import type { Layer } from "../layer.ts";
import { contentRuns, type ContentRun } from "./content.ts";
import { withEta, type ExportProgress } from "./progress.ts";
import { COPY_BYTES } from "./writer.ts";

export interface StreamOptions {
  readonly onProgress?: ((progress: ExportProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** `xz` uses all cores, and of the memory no more than leaves the machine usable. Its level 6 is what images come with. */
const XZ = ["xz", "-6", "--threads=0", "--memlimit-compress=40%", "--to-stdout"];
/** The map of the disk is looked at in steps of this size: a page of tables for each file of the chain. */
const MAP_STEP_BYTES = 32 * 2 ** 20;
/** Words of its complaint that are worth repeating. */
const MAX_COMPLAINT_CHARACTERS = 300;

/** The whole disk as raw bytes, zeros and all. Throws a `DiskError`, "ECANCELED" after the signal. */
export async function* rawStream(disk: Layer, { signal }: StreamOptions = {}): AsyncGenerator<Uint8Array> {
  const zeros = new Uint8Array(COPY_BYTES);
  for await (const run of runsOf(disk)) {
    for (let done = 0; done < run.length; done += COPY_BYTES) {
      if (signal?.aborted) throw new DiskError("ECANCELED", "the export was cancelled");
      const length = Math.min(COPY_BYTES, run.length - done);
      if (run.kind === "zero") {
        yield zeros.subarray(0, length);
        continue;
      }
      const bytes = new Uint8Array(length);
      await disk.read(bytes, run.offset + done);
      yield bytes;
    }
  }
}

/**
 * The disk as an .img.xz. Throws a `DiskError`: "ENOENT" when xz is not installed, "ECANCELED" after the signal, "EIO" when
 * xz fails. The child ends in any case, also when the reader stops early.
 */
export async function* xzStream(disk: Layer, options: StreamOptions = {}): AsyncGenerator<Uint8Array> {
  const child = startXz();
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const feeding = feed(disk, child.stdin, { ...options, signal }).catch((error: unknown) => {
    child.kill();
    return error;
  });
  const complaint = new Response(child.stderr).text();
  const output: AsyncIterable<Uint8Array> = child.stdout;
  try {
    for await (const bytes of output) yield bytes;
    const failure = await feeding;
    if (failure instanceof DiskError) throw failure;
    if ((await child.exited) !== 0) {
      const words = (await complaint).trim().slice(0, MAX_COMPLAINT_CHARACTERS);
      throw new DiskError("EIO", `xz failed: ${words || `exit status ${child.exitCode}`}`);
    }
    if (failure !== undefined) throw failure;
  } finally {
    stop.abort();
    child.kill();
    await child.exited;
    // The disk is not read any more from here on: it may be closed.
    await feeding;
  }
}

/** The runs of the disk; the tables that say so are read on the thread pool. */
async function* runsOf(disk: Layer): AsyncGenerator<ContentRun> {
  for (let offset = 0; offset < disk.sizeBytes; offset += MAP_STEP_BYTES) {
    const length = Math.min(MAP_STEP_BYTES, disk.sizeBytes - offset);
    await disk.prepare(offset, length);
    yield* contentRuns(disk, offset, length);
  }
}

function startXz(): Bun.Subprocess<"pipe", "pipe", "pipe"> {
  try {
    const child = Bun.spawn(XZ, { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
    // Sessions come first.
    lowerPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    return child;
  } catch (cause) {
    throw new DiskError("ENOENT", "the program xz is not installed (on Debian: apt install xz-utils)", {
      cause,
    });
  }
}

async function feed(disk: Layer, into: Bun.FileSink, options: StreamOptions): Promise<undefined> {
  const eta = withEta();
  let doneBytes = 0;
  for await (const bytes of rawStream(disk, options)) {
    await into.write(bytes);
    await into.flush();
    doneBytes += bytes.byteLength;
    options.onProgress?.(eta({ doneBytes, totalBytes: disk.sizeBytes, writtenBytes: 0 }));
  }
  await into.end();
  return undefined;
}
