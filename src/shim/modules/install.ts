/** The kernel's modules out of its tree: installed once per compile, and divided into what goes where. */
import { cp, mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { file } from "bun";
import { type KernelTree, make, outDir } from "../kernel/kbuild.ts";
import { kernelInputs } from "../kernel/compile.ts";
import { sha256 } from "../support/hash.ts";
import { modulesFolder } from "./initramfs-modules.ts";
import { aliasesOf, ModuleIndex, moduleName, MODULES_ALIAS, MODULES_DEP } from "./module-index.ts";
import { packModules, PACK_RECIPE } from "./pack.ts";
import { ALSO_FOR_TESTS, TEST_MODULES, WIFI_MODULES } from "./sets.ts";

/** Not on the PATH of everyone. */
const DEPMOD = "/usr/sbin/depmod";

export interface BuiltModules {
  /** Folder of all modules, with modules.dep. */
  readonly dir: string;
  readonly index: ModuleIndex;
  /** The module pack: a squashfs of all but those of tests, with depmod's files for exactly these. */
  readonly pack: string;
  /**
   * A folder to be laid over a root: the modules of tests below lib/modules, and all that they need. The WiFi
   * variant's are among them, since its modules.dep takes that one's place.
   */
  readonly testRoot: string;
}

/**
 * Takes the compiled modules out of the tree. Kept beside the objects: a changed initramfs does not come here again.
 *
 * @throws ShimError "command-failed"
 */
export async function buildModules(tree: KernelTree, kernelRelease: string): Promise<BuiltModules> {
  const kept = join(outDir(tree), "pinetboot.modules");
  const built = {
    dir: join(kept, "all", modulesFolder(kernelRelease)),
    pack: join(kept, "modules.sqfs"),
    testRoot: join(kept, "test"),
  };
  const stamp = join(kept, "stamp");
  const wanted = sha256(
    JSON.stringify([kernelInputs(), PACK_RECIPE, TEST_MODULES, ALSO_FOR_TESTS, WIFI_MODULES, kernelRelease]),
  );
  const present = file(stamp);
  const ready = (await present.exists()) && (await present.text()) === wanted;
  if (!ready) {
    await rm(kept, { recursive: true, force: true });
    await mkdir(kept, { recursive: true });
    await make(tree, [
      `INSTALL_MOD_PATH=${join(kept, "all")}`,
      "INSTALL_MOD_STRIP=1",
      `DEPMOD=${DEPMOD}`,
      "modules_install",
    ]);
    await rm(join(built.dir, "build"), { force: true });
  }
  const index = ModuleIndex.parse(await file(join(built.dir, MODULES_DEP)).text());
  if (!ready) {
    await divide(tree, kernelRelease, built, index);
    await Bun.write(stamp, wanted);
  }
  return { ...built, index };
}

async function divide(
  { run, signal }: KernelTree,
  kernelRelease: string,
  { dir, pack, testRoot }: Omit<BuiltModules, "index">,
  index: ModuleIndex,
): Promise<void> {
  const forTests = index.closure([...TEST_MODULES, ...ALSO_FOR_TESTS, ...WIFI_MODULES]);
  const testDir = join(testRoot, modulesFolder(kernelRelease));
  for (const path of forTests) {
    await mkdir(dirname(join(testDir, path)), { recursive: true });
    await cp(join(dir, path), join(testDir, path));
  }
  await Bun.write(join(testDir, MODULES_DEP), index.format(forTests));
  const aliases = await file(join(dir, MODULES_ALIAS)).text();
  await Bun.write(join(testDir, MODULES_ALIAS), aliasesOf(aliases, forTests));

  const packRoot = `${dirname(pack)}/packed`;
  const packDir = join(packRoot, modulesFolder(kernelRelease));
  await cp(dir, packDir, { recursive: true });
  const names = new Set<string>(TEST_MODULES.map(moduleName));
  for (const path of index.paths()) if (names.has(moduleName(path))) await rm(join(packDir, path));
  await run([DEPMOD, "-b", packRoot, kernelRelease], { signal });
  await packModules(run, packDir, `${pack}.arriving`, signal);
  await rename(`${pack}.arriving`, pack);
  await rm(packRoot, { recursive: true });
}
