/** The kernel's modules that only tests load: they lie beside the bundle in the cache and in nothing that a Pi gets. */
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ShimBundle } from "../../src/shim/index.ts";
import { type CpioEntry, encodeCpio } from "../../src/shim/userland/cpio.ts";

/** Folder with `lib/modules/RELEASE`: modules.dep, the modules of tests and all that they need. */
export function testModulesRoot(bundle: ShimBundle): string {
  return join(dirname(bundle.tarPath), "test-root");
}

/** Path of one module's file by its name ("mac80211_hwsim"). */
export async function testModule(bundle: ShimBundle, name: string): Promise<string> {
  const root = testModulesRoot(bundle);
  const found = (await readdir(root, { recursive: true })).find((path) => path.endsWith(`/${name}.ko`));
  if (found === undefined) throw new RangeError(`there is no test module ${name} in ${root}`);
  return join(root, found);
}

/**
 * An archive for QEMU's -initrd: unpacked over the shim's own, it brings all of these modules, and has the shim load
 * the named ones, in this order, before anything else.
 *
 * @param load lines of modules-load.d(5): a name and its options
 * @param extra further entries with all of their folders but etc and lib
 */
export async function testModulesInitrd(
  bundle: ShimBundle,
  load: readonly string[],
  extra: readonly CpioEntry[] = [],
): Promise<Uint8Array> {
  const root = testModulesRoot(bundle);
  const rows = await readdir(root, { recursive: true, withFileTypes: true });
  const modules = await Promise.all(
    rows.map(async (row): Promise<CpioEntry> => {
      const path = join(row.parentPath, row.name).slice(root.length + 1);
      if (row.isDirectory()) return { type: "directory", path, mode: 0o755 };
      return { type: "file", path, mode: 0o644, content: await readFile(join(root, path)) };
    }),
  );
  const folders = ["etc", "etc/modules-load.d"].map((path): CpioEntry => ({
    type: "directory",
    path,
    mode: 0o755,
  }));
  const conf: CpioEntry = {
    type: "file",
    path: "etc/modules-load.d/test.conf",
    mode: 0o644,
    content: new TextEncoder().encode(`${load.join("\n")}\n`),
  };
  return encodeCpio([...modules, ...folders, conf, ...extra]);
}
