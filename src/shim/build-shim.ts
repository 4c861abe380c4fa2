/** The whole build of the shim, from Debian's packages to the tar. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { file } from "bun";
import { deviceTreeNames } from "./boards/device-trees.ts";
import { assembleBundle, type Part } from "./bundle/assemble.ts";
import { readLicences } from "./bundle/licences.ts";
import type { TarEntry } from "./bundle/tar.ts";
import type { LockFile } from "./debian/lock-file.ts";
import { type FetchedPackage, PackageStore } from "./debian/package-store.ts";
import { type PackageId, PACKAGES } from "./debian/packages.ts";
import { buildSpiPack, FLASHROM_PACKAGES, SPI_PACK } from "./eeprom/spi-pack.ts";
import { readFirmware } from "./firmware/raspi-firmware.ts";
import { ethernetExtras, wifiExtras } from "./initramfs-extras.ts";
import {
  compileDeviceTrees,
  compileKernel,
  compileModules,
  configureKernel,
  gzipImage,
  isCompiled,
  kernelDtc,
  kernelId,
  kernelRelease,
} from "./kernel/compile.ts";
import type { KernelTree } from "./kernel/kbuild.ts";
import { buildModules } from "./modules/install.ts";
import { packName } from "./modules/pack.ts";
import { kernelSource, removeOtherKernels } from "./kernel/source.ts";
import { compileOverlay, OVERLAYS } from "./overlays/overlays.ts";
import type { OnShimProgress } from "./progress.ts";
import { ProgressMeter } from "./progress-meter.ts";
import { siteWifi } from "./site-wifi.ts";
import { inputsKey, shimsDir, storeBundle, storeFirstBundle } from "./shim-cache.ts";
import { run } from "./support/run.ts";
import { ShimError } from "./support/shim-error.ts";
import { ensureToolchain } from "./toolchain.ts";
import { buildInitramfs } from "./userland/build.ts";
import type { CpioEntry } from "./userland/cpio.ts";
import { type ShimVariant, variantRow } from "./variants.ts";

/** Seconds are those of a cold build on two cores. */
const STEPS = [
  { name: "look for the toolchain", weightSeconds: 10 },
  { name: "download the sources", weightSeconds: 30 },
  { name: "unpack the kernel", weightSeconds: 15 },
  { name: "configure the kernel", weightSeconds: 10 },
  { name: "build the initramfs", weightSeconds: 30 },
  { name: "compile the kernel", weightSeconds: 600 },
  { name: "compile the device trees", weightSeconds: 10 },
  { name: "compile the modules", weightSeconds: 600 },
  { name: "pack the modules", weightSeconds: 60 },
  { name: "link the WiFi kernel", weightSeconds: 25 },
  { name: "pack the shim", weightSeconds: 5 },
] as const;

/** The step "compile the kernel" when only the initramfs has changed. */
const RELINK_SECONDS = 20;

/** The steps for the modules when those of an earlier build are there. */
const MODULES_KEPT_SECONDS = 1;

/** Packages that are unpacked for files in them. */
const UNPACKED_PACKAGES = [
  "raspi-firmware",
  "firmware-brcm80211",
  "wireless-regdb",
  ...FLASHROM_PACKAGES,
] as const;

type StepName = (typeof STEPS)[number]["name"];

export interface BuildOptions {
  readonly cacheDir: string;
  readonly lock: LockFile;
  readonly allowInstall: boolean;
  readonly onProgress: OnShimProgress;
  readonly onWarning: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Builds the bundle and puts it into the cache; returns the tar's path. The caller holds the builder's lock.
 *
 * @throws ShimError with the words for what is missing or wrong
 */
export async function buildShim(options: BuildOptions): Promise<string> {
  const { cacheDir, signal, onWarning } = options;
  let bootable: string | undefined;
  const meter = new ProgressMeter(STEPS, (progress) =>
    options.onProgress({ ...progress, ...(bootable !== undefined && { bootable }) }),
  );
  const at = (step: StepName, within = 0): void => meter.at(step, within);
  const store = new PackageStore({ cacheDir, lock: options.lock, onWarning, signal });
  const workDir = join(shimsDir(cacheDir), "work");
  await rm(workDir, { recursive: true, force: true });
  await mkdir(workDir, { recursive: true });

  at("look for the toolchain");
  await ensureToolchain({ run, allowInstall: options.allowInstall, signal });
  at("download the sources");
  const packages = await fetchAll(store, (fraction) => at("download the sources", fraction));
  const linux = packageOf(packages, "linux-source");
  at("unpack the kernel");
  const dir = await kernelSource(store, run, cacheDir, linux, signal);
  const tree: KernelTree = { dir, run, signal };
  const modulesAreThere = await isCompiled(tree);
  if (modulesAreThere) {
    meter.expect("compile the kernel", RELINK_SECONDS);
    meter.expect("compile the modules", MODULES_KEPT_SECONDS);
    meter.expect("pack the modules", MODULES_KEPT_SECONDS);
  }
  const initramfsOf = (variant: ShimVariant, extra: readonly CpioEntry[] = []): Promise<string> =>
    buildInitramfs({
      workDir: join(workDir, `initramfs-${variant}`),
      cacheDir,
      run,
      packages: store,
      variant,
      extra,
      signal,
    });
  at("configure the kernel");
  await configureKernel(tree, (lines) => refuseUnmet(lines, linux, onWarning));
  const release = await kernelRelease(tree);
  const pack = packName(release, kernelId(linux));
  at("build the initramfs");
  const initramfs = await initramfsOf("ethernet", ethernetExtras({ kernelRelease: release, pack }));
  at("compile the kernel");
  const image = await compileKernel(tree, initramfs, (fraction) => at("compile the kernel", fraction));
  const ethernet = await gzipImage(image, variantRow("ethernet"));
  at("compile the device trees");
  const trees = await compileDeviceTrees(tree);
  const overlays = await readOverlays(kernelDtc(tree), workDir);
  const unpackedAt = await unpackPackages(store, packages, workDir);
  const withoutModules: Part[] = [
    { part: "kernel", variant: "ethernet", files: [{ path: variantRow("ethernet").image, data: ethernet }] },
    { part: "firmware", files: await readFirmware(unpackedAt("raspi-firmware")) },
    { part: "device-tree", files: await readDeviceTrees(trees) },
    { part: "overlay", files: overlays },
    { part: "licence", files: await readLicences(run, dir, packages) },
  ];
  const site = await siteWifi(cacheDir);
  const origin = { inputs: inputsKey(options.lock, site), kernelRelease: release, packages };
  // The modules are the greater part of the compile, and a Pi boots without them.
  if (!modulesAreThere)
    bootable = await storeFirstBundle(cacheDir, origin.inputs, assembleBundle(origin, withoutModules));
  at("compile the modules");
  await compileModules(tree, (fraction) => at("compile the modules", fraction));
  at("pack the modules");
  const modules = await buildModules(tree, release);
  at("link the WiFi kernel");
  const forWifi = await wifiExtras({ kernelRelease: release, pack, modules, unpackedAt, site });
  const wifiImage = await compileKernel(tree, await initramfsOf("wifi", forWifi));
  const wifi = await gzipImage(wifiImage, variantRow("wifi"));
  at("pack the shim");
  const spiPack = await buildSpiPack({ workDir, unpackedAt, modules, run, signal });
  const tar = assembleBundle(origin, [
    { part: "eeprom", files: [{ path: SPI_PACK, data: spiPack }] },
    { part: "kernel", variant: "wifi", files: [{ path: variantRow("wifi").image, data: wifi }] },
    { part: "modules", files: [{ path: pack, data: await file(modules.pack).bytes() }] },
    ...withoutModules,
  ]);
  const path = await storeBundle(cacheDir, origin.inputs, tar, modules.testRoot);
  await removeOtherKernels(cacheDir, dir);
  await rm(workDir, { recursive: true, force: true });
  at("pack the shim", 1);
  return path;
}

/** Unpacks every package of which files are taken as they are; the answer names the folder of each. */
async function unpackPackages(
  store: PackageStore,
  packages: readonly FetchedPackage[],
  workDir: string,
): Promise<(id: PackageId) => string> {
  const at = (id: PackageId): string => join(workDir, id);
  for (const id of UNPACKED_PACKAGES) await store.unpack(packageOf(packages, id), at(id));
  return at;
}

async function fetchAll(
  store: PackageStore,
  onFraction: (fraction: number) => void,
): Promise<FetchedPackage[]> {
  const fetched: FetchedPackage[] = [];
  for (const { id } of PACKAGES) {
    fetched.push(await store.fetch(id));
    onFraction(fetched.length / PACKAGES.length);
  }
  return fetched;
}

function packageOf(packages: readonly FetchedPackage[], id: PackageId): FetchedPackage {
  const found = packages.find((each) => each.id === id);
  if (found === undefined) throw new RangeError(`${id} was not fetched`);
  return found;
}

/** With the locked kernel a line that Kconfig dropped is our mistake; with a newer one it may be Linux's change. */
function refuseUnmet(
  lines: readonly string[],
  linux: FetchedPackage,
  onWarning: (text: string) => void,
): void {
  const message = `Linux ${linux.version} does not take ${lines.join(", ")}`;
  if (linux.locked) throw new ShimError("kernel-config", message);
  onWarning(`${message}.`);
}

async function readOverlays(dtc: string, workDir: string): Promise<TarEntry[]> {
  return await Promise.all(
    OVERLAYS.map(async (row) => {
      const output = join(workDir, `${row.name}.dtbo`);
      await compileOverlay(run, dtc, row, output);
      return { path: `overlays/${row.name}.dtbo`, data: await file(output).bytes() };
    }),
  );
}

/** Each tree under all of its names: TFTP has no links. */
async function readDeviceTrees(trees: ReadonlyMap<string, string>): Promise<TarEntry[]> {
  return await Promise.all(
    [...deviceTreeNames()].map(async ([path, tree]) => {
      return { path, data: await file(trees.get(tree) ?? "").bytes() };
    }),
  );
}
