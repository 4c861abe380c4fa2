/** Configures, compiles and links the kernel in its source tree, and compiles its device trees. */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { copyFile, mkdir } from "node:fs/promises";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { file } from "bun";
import { mainlineDeviceTrees } from "../boards/device-trees.ts";
import { sha256 } from "../support/hash.ts";
import type { Run } from "../support/run.ts";
import { ShimError } from "../support/shim-error.ts";
import { unmetLines } from "./config.ts";
import fragment from "./pinetboot.config" with { type: "text" };

/** In the thread pool: the shim is built behind a server that must go on serving. */
const inPool = promisify<Uint8Array, { level: number }, Buffer>(gzip);

/** What a Pi can fetch and unpack without testing anyone's patience; also the project's promise. */
export const IMAGE_GZ_MAX_BYTES = 7_000_000;

/** Lines that kbuild prints for a whole compile with our configuration: the measure of its progress. */
const EXPECTED_LINES = 2330;

const GZIP_LEVEL = 9;

/** Files that make one kernel's name for another: nothing of the day or the machine goes into it. */
const KBUILD_ENV = {
  ARCH: "arm64",
  CROSS_COMPILE: "aarch64-linux-gnu-",
  KBUILD_BUILD_TIMESTAMP: "Thu Jan  1 00:00:00 UTC 1970",
  KBUILD_BUILD_USER: "pinetboot",
  KBUILD_BUILD_HOST: "pinetboot",
  KBUILD_BUILD_VERSION: "1",
} as const;

export interface KernelTree {
  /** Source tree; the build goes to `out` below it. */
  readonly dir: string;
  readonly run: Run;
  readonly signal?: AbortSignal | undefined;
}

/** The configuration fragment, as an input to hash. */
export function kernelInputs(): string[] {
  return [fragment, JSON.stringify(KBUILD_ENV)];
}

/**
 * Configures the tree unless it is already configured so.
 * Kconfig drops what it does not know; `onUnmet` gets the lines it dropped.
 */
export async function configureKernel(
  tree: KernelTree,
  onUnmet: (lines: readonly string[]) => void,
): Promise<void> {
  const out = outDir(tree);
  await mkdir(out, { recursive: true });
  const stamp = join(out, "pinetboot.configured");
  const wanted = sha256(fragment);
  const configured = file(stamp);
  if ((await configured.exists()) && (await configured.text()) === wanted) return;
  const all = join(out, "pinetboot.config");
  await Bun.write(all, fragment);
  await make(tree, [`KCONFIG_ALLCONFIG=${all}`, "allnoconfig"]);
  const unmet = unmetLines(fragment, await file(join(out, ".config")).text());
  if (unmet.length > 0) onUnmet(unmet);
  await Bun.write(stamp, wanted);
}

/** Whether the objects of this very configuration are there, so that nothing but a link remains. */
export async function isCompiled(tree: KernelTree): Promise<boolean> {
  const stamp = file(join(outDir(tree), "pinetboot.compiled"));
  return (await stamp.exists()) && (await stamp.text()) === sha256(fragment);
}

/**
 * Compiles what is missing and links the kernel with this initramfs (.cpio.xz) inside.
 * Returns the uncompressed Image's path.
 *
 * @param onFraction 0 to 1; jumps where objects of an earlier build are used
 */
export async function compileKernel(
  tree: KernelTree,
  initramfs: string,
  onFraction: (fraction: number) => void,
): Promise<string> {
  await embed(initramfs, join(outDir(tree), "initramfs.cpio.xz"));
  let lines = 0;
  await make(tree, ["Image"], (line) => {
    if (!line.startsWith("  ")) return;
    lines += 1;
    onFraction(Math.min(lines / EXPECTED_LINES, 1));
  });
  await Bun.write(join(outDir(tree), "pinetboot.compiled"), sha256(fragment));
  return join(outDir(tree), "arch/arm64/boot/Image");
}

/** Compiles the device trees and returns the path of each by its mainline name. */
export async function compileDeviceTrees(tree: KernelTree): Promise<Map<string, string>> {
  const names = mainlineDeviceTrees();
  await make(
    tree,
    names.map((name) => `broadcom/${name}`),
  );
  const dir = join(outDir(tree), "arch/arm64/boot/dts/broadcom");
  return new Map(names.map((name) => [name, join(dir, name)]));
}

/** The device tree compiler that kbuild has built for itself. */
export function kernelDtc(tree: KernelTree): string {
  return join(outDir(tree), "scripts/dtc/dtc");
}

/** "7.3.4-pinetboot", as `uname -r` will say. */
export async function kernelRelease(tree: KernelTree): Promise<string> {
  return (await file(join(outDir(tree), "include/config/kernel.release")).text()).trim();
}

/**
 * The Image as the firmware wants it, gzipped.
 *
 * @throws ShimError "image-too-large"
 */
export async function gzipImage(imagePath: string): Promise<Uint8Array> {
  const packed = await inPool(await file(imagePath).bytes(), { level: GZIP_LEVEL });
  if (packed.length > IMAGE_GZ_MAX_BYTES)
    throw new ShimError(
      "image-too-large",
      `Image.gz has ${packed.length} bytes, and ${IMAGE_GZ_MAX_BYTES} is the most it may have`,
    );
  return packed;
}

/** Copies only what differs: the time of a file is what makes kbuild link again. */
async function embed(from: string, to: string): Promise<void> {
  const target = file(to);
  const same = (await target.exists()) && Buffer.from(await target.bytes()).equals(await file(from).bytes());
  if (!same) await copyFile(from, to);
}

async function make(tree: KernelTree, words: string[], onLine?: (line: string) => void): Promise<void> {
  await tree.run(["nice", "-n", "5", "make", `-j${availableParallelism()}`, "O=out", ...words], {
    cwd: tree.dir,
    env: KBUILD_ENV,
    signal: tree.signal,
    ...(onLine === undefined ? {} : { onLine }),
  });
}

function outDir(tree: KernelTree): string {
  return join(tree.dir, "out");
}
