/**
 * Builds one binary that holds everything: the program, its Workers, the page and the boot shim.
 *
 *   bun build.ts [--quick] [--target linux-arm64] [--out FILE]
 *
 * --quick takes the shim from the cache or goes without; otherwise it is built when it is not there.
 * The binary is written beside its place and renamed over it, so that one that runs is not disturbed.
 */
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { BunPlugin } from "bun";
import { bundlePage, type PageFiles } from "./src/web/page-files.ts";
import { cacheFolder, ensureShim, findShim, type ShimBundle } from "./src/shim/index.ts";

const ROOT = import.meta.dir;
const ENTRY = join(ROOT, "src/cli/main.ts");
/** Started by URL, so the bundler does not see them by itself. */
const WORKERS = [
  "src/appliance/state/checkpoint-worker.ts",
  "src/disk/export/worker.ts",
  "src/disk/hash/worker.ts",
  "src/images/import/worker.ts",
];

/** Platforms that a binary can be made for. */
const TARGETS = [
  "linux-x64",
  "linux-arm64",
  "linux-x64-musl",
  "linux-arm64-musl",
  "darwin-arm64",
  "darwin-x64",
] as const;
type Target = (typeof TARGETS)[number];

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    target: { type: "string" },
    out: { type: "string" },
  },
});

const target = values.target === undefined ? undefined : TARGETS.find((name) => name === values.target);
if (values.target !== undefined && target === undefined) {
  console.error(`build: no target ${values.target}; one of ${TARGETS.join(", ")}`);
  process.exit(2);
}
const out = resolve(values.out ?? (target === undefined ? "pinetboot" : `pinetboot-${target}`));
const shim = await bringShim(values.quick);
await compile(out, shim, target);
console.error(`built ${out} ${shim ? "with" : "without"} the boot shim`);

async function bringShim(quick: boolean): Promise<ShimBundle | undefined> {
  const cacheDir = cacheFolder();
  if (quick) return findShim({ cacheDir });
  let said = "";
  return ensureShim({
    cacheDir,
    allowInstall: process.getuid?.() === 0,
    onWarning: (words) => console.error(words),
    onProgress: ({ step }) => {
      if (step !== said) console.error(`shim: ${step}`);
      said = step;
    },
  });
}

async function compile(
  outfile: string,
  bundle: ShimBundle | undefined,
  platform: Target | undefined,
): Promise<void> {
  const unfinished = join(dirname(outfile), `.${process.pid}.pinetboot-build`);
  const runtime = platform === undefined ? undefined : await runtimeFor(platform);
  try {
    const result = await Bun.build({
      entrypoints: [ENTRY, ...WORKERS.map((worker) => join(ROOT, worker))],
      root: ROOT,
      plugins: [embedShim(bundle), embedPage(await bundlePage())],
      minify: { syntax: true, whitespace: true },
      compile: {
        outfile: unfinished,
        ...(platform !== undefined && { target: `bun-${platform}` as const }),
        ...(runtime !== undefined && { executablePath: runtime }),
      },
    });
    if (!result.success) throw new AggregateError(result.logs, "the bundle failed");
    await rename(unfinished, outfile);
  } finally {
    await rm(unfinished, { force: true });
  }
}

/** Puts a module that names the tar in the place of the one that names none. */
function embedShim(bundle: ShimBundle | undefined): BunPlugin {
  return {
    name: "embed-shim",
    setup(build) {
      if (!bundle) return;
      build.onLoad({ filter: /[/\\]shim[/\\]embedded-shim\.ts$/ }, () => ({
        loader: "ts",
        contents:
          `import path from ${JSON.stringify(bundle.tarPath)} with { type: "file" };\n` +
          "export const embeddedShimPath: string | undefined = path;\n",
      }));
    },
  };
}

/** Puts a module that holds the page's files in the place of the one that has none. */
function embedPage(files: PageFiles): BunPlugin {
  return {
    name: "embed-page",
    setup(build) {
      build.onLoad({ filter: /[/\\]web[/\\]embedded-page\.ts$/ }, () => ({
        loader: "ts",
        contents: `export const embeddedPage = ${JSON.stringify(files)};\n`,
      }));
    },
  };
}

/**
 * Bun for another platform, as the npm package `@oven/bun-<platform>` of our own version: Bun would fetch it by itself
 * from the public registry, which is not there behind a mirror, and npm knows the mirror.
 */
async function runtimeFor(platform: Target): Promise<string> {
  const name = `@oven/bun-${platform.replace("arm64", "aarch64")}`;
  const folder = join(cacheFolder(), "runtime", `${platform}-${Bun.version}`);
  const path = join(folder, "node_modules", name, "bin", "bun");
  if (existsSync(path)) return path;
  await mkdir(folder, { recursive: true });
  const words = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
  const npm = Bun.spawn(
    // Without force npm refuses a package that is not for this machine.
    ["npm", "install", "--prefix", folder, "--force", ...words, `${name}@${Bun.version}`],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  if ((await npm.exited) !== 0 || !existsSync(path))
    throw new Error(`npm could not bring ${name}@${Bun.version}`);
  return path;
}
