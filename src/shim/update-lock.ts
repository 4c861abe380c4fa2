import { file } from "bun";
import {
  committedLock,
  currentLock,
  formatLock,
  type LockFile,
  lockInCache,
  SOURCE_LOCK_PATH,
} from "./debian/lock-file.ts";
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
  const path = (await file(SOURCE_LOCK_PATH).exists()) ? SOURCE_LOCK_PATH : lockInCache(cacheDir);
  await Bun.write(path, formatLock(lock));
  return { lock, before, path };
}
