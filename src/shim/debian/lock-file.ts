/** lock.json: exactly which version of each Debian package the shim is made of. */
import { join } from "node:path";
import { file } from "bun";
import { z } from "zod";
import committed from "../lock.json";

const Locked = z.strictObject({
  package: z.string().min(1),
  version: z.string().min(1),
  /** File name -> sha256 in hex. */
  files: z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/)),
});

const LockFile = z.strictObject({
  /** Day of the last `shim build --update`, ISO 8601. */
  updated: z.iso.date(),
  packages: z.record(z.string(), Locked),
});

export type LockedPackage = z.infer<typeof Locked>;
export type LockFile = z.infer<typeof LockFile>;

/** Parses lock.json; throws a ZodError that names what is wrong. */
export function parseLock(text: string): LockFile {
  return LockFile.parse(JSON.parse(text));
}

/** lock.json as text, with sorted keys, so that an update shows as a small change. */
export function formatLock(lock: LockFile): string {
  const packages = Object.fromEntries(
    Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b)),
  );
  return `${JSON.stringify({ updated: lock.updated, packages }, undefined, 2)}\n`;
}

/** The lock of this version of the program. */
export function committedLock(): LockFile {
  return LockFile.parse(committed);
}

/** Where `shim build --update` of a compiled binary keeps its lock. */
export function lockInCache(cacheDir: string): string {
  return join(cacheDir, "shim", "lock.json");
}

/** lock.json of the source, which is not there beside a compiled binary. */
export const SOURCE_LOCK_PATH = join(import.meta.dir, "..", "lock.json");

/** The lock to build from: this version's own, unless an update of the same or a later day lies in the cache. */
export async function currentLock(cacheDir: string): Promise<LockFile> {
  // Read anew: an update by this very process counts.
  const own = (await readLock(SOURCE_LOCK_PATH)) ?? committedLock();
  const updated = await readLock(lockInCache(cacheDir));
  return updated !== undefined && updated.updated >= own.updated ? updated : own;
}

async function readLock(path: string): Promise<LockFile | undefined> {
  return (await file(path).exists()) ? parseLock(await file(path).text()) : undefined;
}
