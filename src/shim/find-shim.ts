import { file } from "bun";
import { type ShimBundle, openBundle } from "./bundle/bundle.ts";
import { currentLock } from "./debian/lock-file.ts";
import { embeddedShimPath } from "./embedded-shim.ts";
import { siteWifi } from "./site-wifi.ts";
import { bundlePath, inputsKey, touchBundle } from "./shim-cache.ts";

/**
 * The shim when it is there: the one built from today's inputs (inside this binary or in the cache), else the
 * binary's own, which is older only after `shim build --update`. Undefined when it has still to be built.
 *
 * @param cacheDir `$XDG_CACHE_HOME/pinetboot`
 * @throws ShimError "bad-bundle"
 */
export async function findShim({ cacheDir }: { cacheDir: string }): Promise<ShimBundle | undefined> {
  return (await findCurrentShim(cacheDir)) ?? (await embeddedShim());
}

/** The shim of exactly the inputs that a build would use now. */
export async function findCurrentShim(cacheDir: string): Promise<ShimBundle | undefined> {
  const key = inputsKey(await currentLock(cacheDir), await siteWifi(cacheDir));
  const embedded = await embeddedShim();
  if (embedded?.manifest.inputs === key) return embedded;
  const path = bundlePath(cacheDir, key);
  if (!(await file(path).exists())) return undefined;
  await touchBundle(path);
  return await openBundle(path);
}

async function embeddedShim(): Promise<ShimBundle | undefined> {
  return embeddedShimPath === undefined ? undefined : await openBundle(embeddedShimPath);
}
