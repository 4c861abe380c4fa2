/** The kernel's source tree in the cache, unpacked once per version from Debian's package. */
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { FetchedPackage, PackageStore } from "../debian/package-store.ts";
import { PATCHES, applyPatches } from "./patches.ts";
import { sha256 } from "../support/hash.ts";
import type { Run } from "../support/run.ts";

/**
 * Parts of the source that our configuration never reads, about a quarter of it. Kconfig files stay: all of them are read.
 * Patterns of tar, whose `*` also matches slashes.
 */
const UNREAD = [
  "*/Documentation/*.rst",
  "*/Documentation/*.yaml",
  "*/Documentation/*.svg",
  "*/drivers/gpu/drm/amd/*.[ch]",
  "*/drivers/gpu/drm/i915/*.[ch]",
  "*/drivers/gpu/drm/nouveau/*.[ch]",
  "*/drivers/gpu/drm/radeon/*.[ch]",
  "*/drivers/gpu/drm/xe/*.[ch]",
  "*/drivers/infiniband/*.[ch]",
  "*/drivers/net/ethernet/intel/*.[ch]",
  "*/drivers/net/ethernet/mellanox/*.[ch]",
  "*/tools/perf/*",
  "*/tools/testing/*",
] as const;

/** Folder of all kernel trees: one per version, since kbuild itself rebuilds what a changed configuration asks for. */
export function kernelsDir(cacheDir: string): string {
  return join(cacheDir, "kernel");
}

/** The source tree of a version of linux-source with our patches; unpacks it (about 20 s) unless it is there. */
export async function kernelSource(
  store: PackageStore,
  run: Run,
  cacheDir: string,
  source: FetchedPackage,
  signal?: AbortSignal,
): Promise<string> {
  const sums = source.files.map((file) => file.sha256).join(" ");
  const recipe = sha256(JSON.stringify([sums, UNREAD, PATCHES])).slice(0, 12);
  const tree = join(kernelsDir(cacheDir), `${source.version.replaceAll(/[^\w.+-]/g, "_")}-${recipe}`);
  if ((await readdir(tree).catch(() => [])).length > 0) return tree;

  // Under another name until it is whole: what a crash leaves is swept away by the next build.
  const arriving = `${tree}.arriving`;
  await rm(arriving, { recursive: true, force: true });
  await mkdir(join(arriving, "tree"), { recursive: true });
  await store.unpack(source, join(arriving, "deb"));
  const archive = join(arriving, "deb", "usr", "src", `${source.name}.tar.xz`);
  await run(
    [
      "tar",
      "--extract",
      `--file=${archive}`,
      `--directory=${join(arriving, "tree")}`,
      "--strip-components=1",
      "--wildcards",
      ...UNREAD.map((pattern) => `--exclude=${pattern}`),
    ],
    { signal },
  );
  await applyPatches(run, join(arriving, "tree"), signal);
  await rename(join(arriving, "tree"), tree);
  await rm(arriving, { recursive: true, force: true });
  return tree;
}

/** Removes the trees of other versions: each is about a gigabyte and of no more use. */
export async function removeOtherKernels(cacheDir: string, tree: string): Promise<void> {
  const dir = kernelsDir(cacheDir);
  for (const name of await readdir(dir))
    if (join(dir, name) !== tree) await rm(join(dir, name), { recursive: true, force: true });
}
