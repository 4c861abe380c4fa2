/** A part of the kernel's modules as entries of an initramfs, with what modprobe needs to load them by name. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CpioEntry } from "../userland/cpio.ts";
import { type ModuleIndex, MODULES_DEP } from "./module-index.ts";

/** Folder of a kernel's modules in a root, e.g. "lib/modules/7.3.4-pinetboot". */
export function modulesFolder(kernelRelease: string): string {
  return `lib/modules/${kernelRelease}`;
}

/**
 * The modules of these paths (see `ModuleIndex.closure`), their modules.dep and their folders below lib/modules,
 * that one included.
 *
 * @param dir where the paths lie
 */
export async function moduleEntries(
  dir: string,
  kernelRelease: string,
  index: ModuleIndex,
  paths: readonly string[],
): Promise<CpioEntry[]> {
  const below = modulesFolder(kernelRelease);
  const modules = await Promise.all(
    paths.map(async (path): Promise<CpioEntry> => {
      return {
        type: "file",
        path: `${below}/${path}`,
        mode: 0o644,
        content: await readFile(join(dir, path)),
      };
    }),
  );
  const dep = new TextEncoder().encode(index.format(paths));
  const list: CpioEntry = { type: "file", path: `${below}/${MODULES_DEP}`, mode: 0o644, content: dep };
  return [...foldersOf([...modules, list].map(({ path }) => path)), ...modules, list];
}

/** Every folder above these paths from lib/modules on, each once. */
function foldersOf(paths: readonly string[]): CpioEntry[] {
  const folders = new Set<string>();
  for (const path of paths)
    for (let folder = dirname(path); folder !== "lib"; folder = dirname(folder)) folders.add(folder);
  return [...folders].map((path) => ({ type: "directory", path, mode: 0o755 }));
}
