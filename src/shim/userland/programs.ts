/** The programs that are compiled for the initramfs, cached by the hash of all that goes into them. */
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import type { FetchedPackage, PackageStore } from "../debian/package-store.ts";
import { sha256 } from "../support/hash.ts";
import type { Run } from "../support/run.ts";
import { MuslCompiler } from "./musl.ts";
import * as recipe from "./recipe.ts";
import { C_SOURCES } from "./sources.ts";

export const PROGRAM_NAMES = [
  "font",
  "helpdisk",
  "iscsid",
  "iscsistart",
  "keep",
  "kexec-load",
  "kexec-tree",
  "unzstd",
] as const;
export type ProgramName = (typeof PROGRAM_NAMES)[number];

export interface ProgramsOptions {
  /** Emptied and used while compiling. */
  readonly workDir: string;
  /** `$XDG_CACHE_HOME/pinetboot`. */
  readonly cacheDir: string;
  readonly run: Run;
  readonly packages: Pick<PackageStore, "fetch" | "unpack">;
  readonly signal?: AbortSignal | undefined;
}

/** Compiles what the cache lacks and returns the folder that holds the programs by name. */
export async function buildPrograms(options: ProgramsOptions): Promise<string> {
  const inputs = await Promise.all(
    (["musl-dev", "linux-libc-dev", "open-iscsi", "libzstd"] as const).map((id) =>
      options.packages.fetch(id),
    ),
  );
  const [musl, headers, openIscsi, zstd] = inputs;
  if (musl === undefined || headers === undefined || openIscsi === undefined || zstd === undefined)
    throw new RangeError("four packages were fetched");
  const compiler = await options.run([recipe.CROSS_COMPILER, "--version"], { signal: options.signal });
  const versions = inputs.map(({ name, version }) => `${name} ${version}`);
  const key = sha256(JSON.stringify([compiler.split("\n")[0], versions, recipe, C_SOURCES]));
  const kept = join(options.cacheDir, "userland", key);
  if (await Bun.file(join(kept, "keep")).exists()) return kept;

  await rm(options.workDir, { recursive: true, force: true });
  await mkdir(options.workDir, { recursive: true });
  const built = await compileAll(options, musl, headers, openIscsi, zstd);
  await mkdir(dirname(kept), { recursive: true });
  try {
    await rename(built, kept);
  } catch (error) {
    // Another builder was faster: its programs have the same inputs.
    if (!(await Bun.file(join(kept, "keep")).exists())) throw error;
  }
  return kept;
}

async function compileAll(
  options: ProgramsOptions,
  musl: FetchedPackage,
  headers: FetchedPackage,
  openIscsi: FetchedPackage,
  zstd: FetchedPackage,
): Promise<string> {
  const at = (name: string): string => join(options.workDir, name);
  await options.packages.unpack(musl, at("musl"));
  await options.packages.unpack(headers, at("linux-libc-dev"));
  await options.packages.unpack(openIscsi, at("open-iscsi"));
  await options.packages.unpack(zstd, at("zstd"));
  for (const [name, text] of Object.entries(C_SOURCES)) {
    await mkdir(dirname(at(`ours/${name}`)), { recursive: true });
    await writeFile(at(`ours/${name}`), text);
  }
  await mkdir(at("objects"));
  await mkdir(at("programs"));
  const compiler = await MuslCompiler.prepare({
    muslDir: at("musl"),
    kernelHeadersDir: at("linux-libc-dev"),
    workDir: options.workDir,
    run: options.run,
    signal: options.signal,
  });

  // Upstream's warnings are upstream's; ours are errors.
  const folders = recipe.OPEN_ISCSI_INCLUDES.map((folder) => `-I${at(`open-iscsi/${folder}`)}`);
  const includes = [`-I${at("ours/include")}`, ...folders];
  const theirFlags = [...recipe.OPEN_ISCSI_DEFINES, ...includes, "-w"];
  const zstdFlags = [...recipe.ZSTD_DEFINES, `-I${at("zstd/lib")}`];
  const ourFlags = ["-D_GNU_SOURCE", ...includes, `-I${at("zstd/lib")}`, "-Wall", "-Wextra", "-Werror"];
  const theirs = (names: readonly string[]): Job[] =>
    names.map((name) => job(at(`open-iscsi/${name}`), at("objects"), theirFlags));
  const ours = (names: readonly string[]): Job[] =>
    names.map((name) => job(at(`ours/${name}`), at("objects"), ourFlags));
  const zstds = recipe.ZSTD_SOURCES.map((name) =>
    job(at(`zstd/${name}`), at("objects"), [...zstdFlags, "-w"]),
  );
  const common = [...theirs(recipe.OPEN_ISCSI_SOURCES), ...ours(recipe.OPEN_ISCSI_HELPERS)];
  const links: readonly (readonly [ProgramName, readonly Job[]])[] = [
    ["iscsid", [...theirs(["usr/iscsid.c"]), ...common]],
    ["iscsistart", [...theirs(["usr/iscsistart.c"]), ...common]],
    ["helpdisk", ours(["helpdisk.c"])],
    ["keep", ours(["keep.c"])],
    ["font", ours(["font.c"])],
    ["kexec-load", ours(recipe.KEXEC_LOAD_SOURCES)],
    ["kexec-tree", ours(recipe.KEXEC_TREE_SOURCES)],
    ["unzstd", [...ours(["kexec/unzstd.c"]), ...zstds]],
  ];
  const jobs = new Map(links.flatMap(([, needed]) => needed).map((each) => [each.object, each]));
  await inParallel([...jobs.values()], async ({ source, object, flags }) => {
    await compiler.compile(source, object, flags);
  });
  for (const [name, needed] of links)
    await compiler.link(
      needed.map(({ object }) => object),
      at(`programs/${name}`),
    );
  return at("programs");
}

interface Job {
  readonly source: string;
  readonly object: string;
  readonly flags: readonly string[];
}

/** libopeniscsiusr and usr have files of the same name. */
function job(source: string, objects: string, flags: readonly string[]): Job {
  const name = `${basename(dirname(source))}-${basename(source, ".c")}.o`;
  return { source, object: join(objects, name), flags };
}

async function inParallel<T>(items: T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}
