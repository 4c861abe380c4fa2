/**
 * A lock between processes that a crash cannot leave behind: the kernel's flock(2), held by util-linux's
 * `flock`, whose stdin is a pipe from us. When this process ends, however it ends, the pipe closes, the
 * helper ends and the lock is free. A note beside the lock names the holder for those who wait.
 */
import { renameSync, writeFileSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { throwIfCancelled } from "./shim-error.ts";

/** How often a waiting process looks whether the lock is free and what the holder says. */
const WAIT_MS = 500;

export interface FileLock {
  /** Tells those who wait what the holder is doing; any JSON value. */
  note(value: unknown): void;
  release(): Promise<void>;
}

export interface LockNote {
  readonly pid: number;
  readonly value: unknown;
}

/**
 * Takes the lock at `path` (a file that may be made) or waits for it.
 *
 * @throws ShimError "cancelled"
 * @param onWait called about twice a second while another process holds it, with what that process last noted
 */
export async function takeFileLock(
  path: string,
  options: { signal?: AbortSignal | undefined; onWait?: (note: LockNote | undefined) => void } = {},
): Promise<FileLock> {
  await mkdir(dirname(path), { recursive: true });
  for (;;) {
    throwIfCancelled(options.signal);
    const lock = await tryFileLock(path);
    if (lock) return lock;
    options.onWait?.(await readNote(path));
    await Bun.sleep(WAIT_MS);
  }
}

/** Takes the lock at `path`, or returns undefined when another process holds it. */
export async function tryFileLock(path: string): Promise<FileLock | undefined> {
  const child = Bun.spawn(["flock", "--nonblock", "--no-fork", path, "sh", "-c", "echo held; cat"], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    // Ctrl-C in a terminal must reach the builder first: it still has to stop its compiler.
    detached: true,
  });
  const first = await child.stdout.getReader().read();
  if (first.done) {
    await child.exited;
    return undefined;
  }
  const note = (value: unknown): void => {
    const temporary = `${path}.note.${process.pid}`;
    writeFileSync(temporary, JSON.stringify({ pid: process.pid, value } satisfies LockNote));
    renameSync(temporary, `${path}.note`);
  };
  note(undefined);
  return {
    note,
    async release() {
      await child.stdin.end();
      await child.exited;
    },
  };
}

async function readNote(path: string): Promise<LockNote | undefined> {
  try {
    const note: unknown = JSON.parse(await readFile(`${path}.note`, "utf8"));
    return isLockNote(note) ? note : undefined;
  } catch (error) {
    // The holder has not written its note yet: there is nothing to say about it.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function isLockNote(value: unknown): value is LockNote {
  return typeof value === "object" && value !== null && "pid" in value && typeof value.pid === "number";
}
