/** Configures, compiles and links the kernel in its source tree, and compiles its modules and device trees. */
import { join } from "node:path";
import { copyFile, mkdir } from "node:fs/promises";
import { file, gzipSync } from "bun";
import { mainlineDeviceTrees, ownDeviceTrees } from "../boards/device-trees.ts";
import type { FetchedPackage } from "../debian/package-store.ts";
import { sha256 } from "../support/hash.ts";
import { ShimError } from "../support/shim-error.ts";
import type { VariantRow } from "../variants.ts";
import { unmetLines } from "./config.ts";
import { KERNEL_FRAGMENT } from "./fragment.ts";
import { KBUILD_ENV, type KernelTree, make, outDir } from "./kbuild.ts";
import { PATCHES } from "./patches.ts";

/** Lines that kbuild prints for a whole compile with our configuration: the measure of its progress. */
const EXPECTED_LINES = { kernel: 2700, modules: 3800 } as const;

/** libdeflate's best: gzip that is 3 % smaller than zlib's best, in two seconds. */
const GZIP = { library: "libdeflate", level: 12 } as const;

/** What decides the kernel and its modules besides the source package, as inputs to hash. */
export function kernelInputs(): string[] {
  return [KERNEL_FRAGMENT, JSON.stringify(PATCHES), JSON.stringify(KBUILD_ENV)];
}

/** Eight hex digits that differ for kernels whose modules do not fit one another. */
export function kernelId(source: FetchedPackage): string {
  const sums = source.files.map((each) => each.sha256);
  return sha256(JSON.stringify([sums, kernelInputs()])).slice(0, 8);
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
  const wanted = sha256(KERNEL_FRAGMENT);
  const configured = file(stamp);
  if ((await configured.exists()) && (await configured.text()) === wanted) return;
  const all = join(out, "pinetboot.config");
  await Bun.write(all, KERNEL_FRAGMENT);
  await make(tree, [`KCONFIG_ALLCONFIG=${all}`, "allnoconfig"]);
  const unmet = unmetLines(KERNEL_FRAGMENT, await file(join(out, ".config")).text());
  if (unmet.length > 0) onUnmet(unmet);
  await Bun.write(stamp, wanted);
}

/** Whether the objects of this very configuration are there, so that nothing but a link remains. */
export async function isCompiled(tree: KernelTree): Promise<boolean> {
  const stamp = file(join(outDir(tree), "pinetboot.compiled"));
  return (await stamp.exists()) && (await stamp.text()) === sha256(KERNEL_FRAGMENT);
}

/**
 * Compiles what is missing but modules, and links the kernel with this initramfs (.cpio.xz) inside. Returns the
 * uncompressed Image's path; the next link replaces that file.
 *
 * @param onFraction 0 to 1; jumps where objects of an earlier build are used
 */
export async function compileKernel(
  tree: KernelTree,
  initramfs: string,
  onFraction: (fraction: number) => void = () => undefined,
): Promise<string> {
  await embed(initramfs, join(outDir(tree), "initramfs.cpio.xz"));
  await make(tree, ["Image"], countLines(EXPECTED_LINES.kernel, onFraction));
  return join(outDir(tree), "arch/arm64/boot/Image");
}

/**
 * Compiles the modules for a kernel that is compiled, once: they do not depend on the initramfs, but kbuild would look
 * at each of them again after a link.
 *
 * @param onFraction 0 to 1; jumps where objects of an earlier build are used
 */
export async function compileModules(
  tree: KernelTree,
  onFraction: (fraction: number) => void = () => undefined,
): Promise<void> {
  if (await isCompiled(tree)) return;
  await make(tree, ["modules"], countLines(EXPECTED_LINES.modules, onFraction));
  await Bun.write(join(outDir(tree), "pinetboot.compiled"), sha256(KERNEL_FRAGMENT));
}

/** kbuild says a line for each file that it makes, after two spaces. */
function countLines(expected: number, onFraction: (fraction: number) => void): (line: string) => void {
  let lines = 0;
  return (line) => {
    if (!line.startsWith("  ")) return;
    lines += 1;
    onFraction(Math.min(lines / expected, 1));
  };
}

/** Compiles the device trees and returns the path of each by its name. */
export async function compileDeviceTrees(tree: KernelTree): Promise<Map<string, string>> {
  const names = mainlineDeviceTrees();
  await make(
    tree,
    names.map((name) => `broadcom/${name}`),
  );
  const dir = join(outDir(tree), "arch/arm64/boot/dts/broadcom");
  const ours = [...ownDeviceTrees()];
  for (const [name, source] of ours) await compileOwnTree(tree, source, join(dir, name));
  return new Map([...names, ...ours.map(([name]) => name)].map((name) => [name, join(dir, name)]));
}

/** A tree of ours, which includes mainline's sources: preprocessed and compiled as kbuild does with its own. */
async function compileOwnTree(
  { dir, run, signal }: KernelTree,
  source: string,
  output: string,
): Promise<void> {
  const includes = ["-Iscripts/dtc/include-prefixes", "-Iarch/arm64/boot/dts/broadcom"];
  const cpp = [`${KBUILD_ENV.CROSS_COMPILE}gcc`, "-E", "-nostdinc", ...includes, "-undef", "-D__DTS__"];
  const input = new TextEncoder().encode(source);
  const whole = await run([...cpp, "-x", "assembler-with-cpp", "-"], { cwd: dir, input, signal });
  const dtc = ["out/scripts/dtc/dtc", "-@", "-q", "-I", "dts", "-O", "dtb", "-o", output, "-"];
  await run(dtc, { cwd: dir, input: new TextEncoder().encode(whole), signal });
}

/** The device tree compiler that kbuild has built for itself. */
export function kernelDtc(tree: KernelTree): string {
  return join(outDir(tree), "scripts/dtc/dtc");
}

/** "7.3.4-pinetboot", as `uname -r` will say; of a configured tree. */
export async function kernelRelease(tree: KernelTree): Promise<string> {
  await make(tree, ["include/config/kernel.release"]);
  return (await file(join(outDir(tree), "include/config/kernel.release")).text()).trim();
}

/**
 * The Image as the firmware wants it, gzipped.
 *
 * @throws ShimError "image-too-large" for more than the variant may have
 */
export async function gzipImage(imagePath: string, { name, imageMaxBytes }: VariantRow): Promise<Uint8Array> {
  const packed = gzipSync(await file(imagePath).bytes(), GZIP);
  if (packed.length > imageMaxBytes)
    throw new ShimError(
      "image-too-large",
      `the ${name} Image.gz has ${packed.length} bytes, and ${imageMaxBytes} is the most it may have`,
    );
  return packed;
}

/** Copies only what differs: the time of a file is what makes kbuild link again. */
async function embed(from: string, to: string): Promise<void> {
  const target = file(to);
  const same = (await target.exists()) && Buffer.from(await target.bytes()).equals(await file(from).bytes());
  if (!same) await copyFile(from, to);
}
