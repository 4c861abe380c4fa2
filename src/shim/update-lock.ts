import { access } from "node:fs/promises";
import { join } from "node:path";
import { committedLock, currentLock, formatLock, type LockFile, lockInCache } from "./debian/lock-file.ts";
import { PackageStore } from "./debian/package-store.ts";

/**
 * Moves the lock to the newest version of every package and returns it with the path it was written to:
 * lock.json of the source, or, in a compiled binary, one in the cache that is used from then on.
 *
 * @param today ISO date
 */
export async function updateLock(options: {
  cacheDir: string;
  today: string;
  signal?: AbortSignal | undefined;
}): Promise<{ lock: LockFile; before: LockFile; path: string }> {
  const { cacheDir, today, signal } = options;
  const before = await currentLock(cacheDir);
  const store = new PackageStore({ cacheDir, lock: committedLock(), signal });
  const lock = await store.updatedLock(today);
  const inSource = join(import.meta.dir, "lock.json");
  const path = (await isThere(inSource)) ? inSource : lockInCache(cacheDir);
  await Bun.write(path, formatLock(lock));
  return { lock, before, path };
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
