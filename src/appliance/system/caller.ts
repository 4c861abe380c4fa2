/** Whose files these are: under sudo the person's who called it, not root's. */
import { chownSync, mkdirSync, readFileSync } from "node:fs";
import { lchown, readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { ApplianceError, errnoOf, wordsOf } from "../errors.ts";

export interface Caller {
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/** The person behind `sudo`, or undefined when the process was started without it. */
export function sudoCaller(
  env: Env = process.env,
  readPasswd: () => string = () => readFileSync("/etc/passwd", "utf8"),
): Caller | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const uid = Number(env["SUDO_UID"] ?? Number.NaN);
  const gid = Number(env["SUDO_GID"] ?? Number.NaN);
  if (!Number.isInteger(uid) || !Number.isInteger(gid) || uid === 0) return undefined;
  const entry = readPasswd()
    .split("\n")
    .map((line) => line.split(":"))
    .find((fields) => fields[2] === String(uid));
  return { uid, gid, home: entry?.[5] ?? `/home/${env["SUDO_USER"] ?? uid}` };
}

/** `$XDG_DATA_HOME/pinetboot` of the person. */
export function defaultDataFolder(env: Env = process.env): string {
  return join(env["XDG_DATA_HOME"] ?? join(homeOf(env), ".local", "share"), "pinetboot");
}

/** `$XDG_CACHE_HOME/pinetboot` of the person. */
export function defaultCacheFolder(env: Env = process.env): string {
  return join(env["XDG_CACHE_HOME"] ?? join(homeOf(env), ".cache"), "pinetboot");
}

/**
 * Makes a folder and what is missing above it; what was made belongs to the caller of sudo. `mode` is for the last one.
 * Throws "not-permitted" in words.
 */
export function makeFolder(path: string, mode = 0o755, caller = sudoCaller()): void {
  const first = madeFolder(path, mode);
  if (first === undefined || caller === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made))
    chownSync(made, caller.uid, caller.gid);
}

function madeFolder(path: string, mode: number): string | undefined {
  try {
    return mkdirSync(path, { recursive: true, mode });
  } catch (error) {
    if (errnoOf(error) === "ENOSPC") throw error;
    throw new ApplianceError(
      "not-permitted",
      `The folder ${path} cannot be made (${errnoOf(error) ?? wordsOf(error)})`,
      "Choose another one with --data, or run this as a user who may write there.",
      { cause: error },
    );
  }
}

/** Gives a file that root made to the caller of sudo. A file that is not there is nobody's. */
export function giveToCaller(path: string, caller = sudoCaller()): void {
  if (caller === undefined) return;
  try {
    chownSync(path, caller.uid, caller.gid);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}

/** Gives a folder that root made, with all in it, to the caller of sudo. */
export async function giveTreeToCaller(path: string, caller = sudoCaller()): Promise<void> {
  if (caller === undefined) return;
  giveToCaller(path, caller);
  for (const name of await readdir(path, { recursive: true }))
    await lchown(join(path, name), caller.uid, caller.gid);
}

function homeOf(env: Env): string {
  return sudoCaller(env)?.home ?? homedir();
}
