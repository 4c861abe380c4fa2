/** The programs that are compiled for the initramfs, cached by the hash of all that goes into them. */
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import type { FetchedPackage, PackageStore } from "../debian/package-store.ts";
import { sha256 } from "../support/hash.ts";
import type { Run } from "../support/run.ts";
import { OUR_FLAGS, SOURCE_PACKAGES, type CodeRow } from "./code-row.ts";
import { MuslCompiler } from "./musl.ts";
import { KEXEC_LOAD, KEXEC_TREE, UNZSTD } from "./recipe-kexec.ts";
import { ISCSID, ISCSISTART } from "./recipe-open-iscsi.ts";
import { WPA_SUPPLICANT } from "./recipe-wpa-supplicant.ts";
import * as recipe from "./recipe.ts";
import { C_SOURCES } from "./sources.ts";

/** Each program and what it is made of. */
const PROGRAMS = {
  "find-servers": [ourFile("find-servers.c")],
  font: [ourFile("font.c")],
  helpdisk: [ourFile("helpdisk.c")],
  iscsid: ISCSID,
  iscsistart: ISCSISTART,
  keep: [ourFile("keep.c")],
  "kexec-load": KEXEC_LOAD,
  "kexec-tree": KEXEC_TREE,
  unzstd: UNZSTD,
  "wpa-ask": [ourFile("wpa-ask.c")],
  wpa_supplicant: WPA_SUPPLICANT,
} as const satisfies Record<string, readonly CodeRow[]>;

export type ProgramName = keyof typeof PROGRAMS;

/** The last file of a folder of programs to be there: the folder is renamed when it is whole. */
const PROOF = "keep" satisfies ProgramName;

export interface ProgramsOptions {
  /** Emptied and used while compiling. */
  readonly workDir: string;
  /** `$XDG_CACHE_HOME/pinetboot`. */
  readonly cacheDir: string;
  readonly run: Run;
  readonly packages: Pick<PackageStore, "fetch" | "unpack">;
  readonly signal?: AbortSignal | undefined;
}

/** What of the project's own decides the programs; Debian's packages are in the lock. */
export function programInputs(): string[] {
  return [...Object.values(C_SOURCES), JSON.stringify([recipe, PROGRAMS, Object.keys(C_SOURCES)])];
}

/** Compiles what the cache lacks and returns the folder that holds the programs by name. */
export async function buildPrograms(options: ProgramsOptions): Promise<string> {
  const inputs = await Promise.all(
    ["musl-dev" as const, "linux-libc-dev" as const, ...SOURCE_PACKAGES].map((id) =>
      options.packages.fetch(id),
    ),
  );
  const compiler = await options.run([recipe.CROSS_COMPILER, "--version"], { signal: options.signal });
  const versions = inputs.map(({ name, version }) => `${name} ${version}`);
  const key = sha256(JSON.stringify([compiler.split("\n")[0], versions, ...programInputs()]));
  const kept = join(options.cacheDir, "userland", key);
  if (await Bun.file(join(kept, PROOF)).exists()) return kept;

  await rm(options.workDir, { recursive: true, force: true });
  await mkdir(options.workDir, { recursive: true });
  const built = await compileAll(options, inputs);
  await mkdir(dirname(kept), { recursive: true });
  try {
    await rename(built, kept);
  } catch (error) {
    // Another builder was faster: its programs have the same inputs.
    if (!(await Bun.file(join(kept, PROOF)).exists())) throw error;
  }
  return kept;
}

async function compileAll(options: ProgramsOptions, packages: readonly FetchedPackage[]): Promise<string> {
  const at = (name: string): string => join(options.workDir, name);
  for (const fetched of packages) await options.packages.unpack(fetched, at(fetched.id));
  for (const [name, text] of Object.entries(C_SOURCES)) {
    await mkdir(dirname(at(`ours/${name}`)), { recursive: true });
    await writeFile(at(`ours/${name}`), text);
  }
  await mkdir(at("objects"));
  await mkdir(at("programs"));
  const compiler = await MuslCompiler.prepare({
    muslDir: at("musl-dev"),
    kernelHeadersDir: at("linux-libc-dev"),
    workDir: options.workDir,
    run: options.run,
    signal: options.signal,
  });

  const jobsOf = (rows: readonly CodeRow[]): Job[] =>
    rows.flatMap(({ from, files, includes, flags }) => {
      const words = [...flags, ...includes.map((folder) => `-I${at(folder)}`)];
      return files.map((name) => job(at(`${from}/${name}`), at("objects"), words));
    });
  const links = Object.entries(PROGRAMS).map(([name, rows]) => ({ name, jobs: jobsOf(rows) }));
  const jobs = new Map(links.flatMap((link) => link.jobs).map((each) => [each.object, each]));
  await inParallel([...jobs.values()], async ({ source, object, flags }) => {
    await compiler.compile(source, object, flags);
  });
  for (const link of links)
    await compiler.link(
      link.jobs.map(({ object }) => object),
      at(`programs/${link.name}`),
    );
  return at("programs");
}

interface Job {
  readonly source: string;
  readonly object: string;
  readonly flags: readonly string[];
}

/** Several folders have files of the same name. */
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

function ourFile(name: string): CodeRow {
  return { from: "ours", files: [name], includes: ["ours/include"], flags: OUR_FLAGS };
}
