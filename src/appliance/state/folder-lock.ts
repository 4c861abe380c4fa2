/**
 * One process at a time works on a data folder. The lock is the kernel's (`flock`), so it ends with its process
 * however that ends; the file's text only says who holds it.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { ApplianceError } from "../errors.ts";
import { giveToCaller } from "../system/caller.ts";
import { loadFlock } from "../system/libc.ts";

const LOCK_EXCLUSIVE_NOW = 2 | 4;

export interface LockHolder {
  readonly pid: number;
  /** What it is doing, as a command: "pinetboot serve". */
  readonly purpose: string;
}

export interface FolderLock {
  release(): void;
}

/**
 * Takes the lock at `path`. Throws ApplianceError "data-folder-locked" that names the process which holds it.
 */
export function takeFolderLock(path: string, purpose: string): FolderLock {
  const fd = openSync(path, "a+", 0o600);
  giveToCaller(path);
  const flock = loadFlock();
  const taken = flock ? flock(fd, LOCK_EXCLUSIVE_NOW) === 0 : !isAlive(lockHolder(path)?.pid);
  if (!taken) {
    closeSync(fd);
    throw lockedError(path);
  }
  ftruncateSync(fd);
  writeSync(fd, JSON.stringify({ pid: process.pid, purpose } satisfies LockHolder));
  return {
    release() {
      ftruncateSync(fd);
      closeSync(fd);
    },
  };
}

/** Who says to hold the lock, or undefined when nobody does. */
export function lockHolder(path: string): LockHolder | undefined {
  const text = readFileSync(path, "utf8");
  if (text === "") return undefined;
  const said: unknown = JSON.parse(text);
  if (typeof said !== "object" || said === null || !("pid" in said) || !("purpose" in said)) return undefined;
  return { pid: Number(said.pid), purpose: String(said.purpose) };
}

function lockedError(path: string): ApplianceError {
  const holder = lockHolder(path);
  const who = holder ? `process ${holder.pid} (${holder.purpose})` : "another process";
  return new ApplianceError(
    "data-folder-locked",
    `The data folder ${dirname(path)} is in use by ${who}`,
    holder ? `Stop it (kill ${holder.pid}), or choose another folder with --data.` : "Try again in a moment.",
  );
}

/** For systems without flock alone: true when a process of this number runs. */
function isAlive(pid: number | undefined): boolean {
  if (pid === undefined || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
