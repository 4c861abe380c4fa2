import { file } from "bun";
import { type ShimBundle, openBundle } from "./bundle/bundle.ts";
import { currentLock } from "./debian/lock-file.ts";
import { embeddedShimPath } from "./embedded-shim.ts";
import { bundlePath, inputsKey, touchBundle } from "./shim-cache.ts";

/**
 * The shim when it is there: the one inside this binary, or the one in the cache that was built from
 * this version's inputs. Undefined when it has still to be built.
 *
 * @param cacheDir `$XDG_CACHE_HOME/pinetboot`
 * @throws ShimError "bad-bundle"
 */
export async function findShim({ cacheDir }: { cacheDir: string }): Promise<ShimBundle | undefined> {
  if (embeddedShimPath !== undefined) return await openBundle(embeddedShimPath);
  const path = bundlePath(cacheDir, inputsKey(await currentLock(cacheDir)));
  if (!(await file(path).exists())) return undefined;
  await touchBundle(path);
  return await openBundle(path);
}
