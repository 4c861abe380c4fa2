/** `pinetboot shim ...` */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { buildCommand, buildRouteMap } from "@stricli/core";
import {
  ApplianceError,
  type BuildLine,
  defaultCacheFolder,
  formatSize,
  giveTreeToCaller,
  toApplianceError,
} from "../../appliance/index.ts";
import {
  ensureShim,
  extractShim,
  findShim,
  keepSiteWifi,
  type ShimBundle,
  SHIM_VARIANTS,
  type ShimVariant,
  updateLock,
} from "../../shim/index.ts";
import { jsonFlag, text } from "../flags.ts";
import { printJson } from "../output.ts";
import { ProgressLine } from "../progress-line.ts";

const cacheFlag = {
  kind: "parsed",
  parse: (word: string) => resolve(word),
  brief: "Cache folder (default: $XDG_CACHE_HOME/pinetboot)",
  placeholder: "dir",
  optional: true,
} as const;

interface ShimFlags {
  readonly cache?: string;
  readonly json: boolean;
}

interface BuildFlags extends ShimFlags {
  readonly progress: "terminal" | "json";
  readonly update: boolean;
  readonly "wpa-supplicant"?: string;
  readonly install: boolean;
}

const build = buildCommand({
  docs: {
    brief: "Build the boot shim, or find that it is there",
    fullDescription:
      "Some twenty minutes on two idle cores the first time; cached by the hash of what it is made from.\n\n" +
      "Example:\n  pinetboot shim build",
  },
  parameters: {
    flags: {
      cache: cacheFlag,
      json: jsonFlag,
      progress: {
        kind: "enum",
        values: ["terminal", "json"],
        brief: "json: one document a line on stdout, for programs",
        default: "terminal",
      },
      update: {
        kind: "boolean",
        brief: "Take the newest sources and write the lock anew",
        default: false,
        withNegated: false,
      },
      "wpa-supplicant": {
        kind: "parsed",
        parse: text,
        brief: "A wpa_supplicant.conf that the WiFi shim has inside from now on; none takes it out",
        placeholder: "file",
        optional: true,
      },
      install: {
        kind: "boolean",
        brief: "Let apt install a missing toolchain (as root)",
        default: process.getuid?.() === 0,
      },
    },
  },
  async func(flags: BuildFlags) {
    const cacheDir = flags.cache ?? defaultCacheFolder();
    const say = (line: BuildLine): void => {
      if (flags.progress === "json") process.stdout.write(`${JSON.stringify(line)}\n`);
    };
    const line = new ProgressLine("Building the shim", flags.json || flags.progress === "json");
    const abort = new AbortController();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => abort.abort());
    // A program that follows us holds our input: when it is gone, nobody wants the rest.
    if (flags.progress === "json") process.stdin.once("end", () => abort.abort()).resume();
    try {
      if (flags.update)
        await updateLock({ cacheDir, today: new Date().toISOString().slice(0, 10), signal: abort.signal });
      if (flags["wpa-supplicant"] !== undefined) await useWifiFile(cacheDir, flags["wpa-supplicant"]);
      const bundle = await ensureShim({
        cacheDir,
        allowInstall: flags.install,
        signal: abort.signal,
        onWarning: (words) => process.stderr.write(`pinetboot: ${words}\n`),
        onProgress: (progress) => {
          say(progress);
          line.show(progress);
        },
      });
      line.end();
      if (flags.json) printJson(describe(bundle));
      else if (flags.progress === "terminal") console.log(`The shim is ready: ${summary(bundle)}`);
    } catch (error) {
      line.end();
      const { message, fix } = toApplianceError(error);
      say({ error: { message, ...(fix !== undefined && { fix }) } });
      throw error;
    } finally {
      await giveTreeToCaller(cacheDir);
    }
  },
});

const info = buildCommand({
  docs: { brief: "Show what is in the boot shim", fullDescription: "Example:\n  pinetboot shim info" },
  parameters: { flags: { cache: cacheFlag, json: jsonFlag } },
  async func(flags: ShimFlags) {
    const bundle = await find(flags);
    if (flags.json) {
      printJson(describe(bundle));
      return;
    }
    console.log(summary(bundle));
    for (const { path, sizeBytes, sha256 } of bundle.manifest.files)
      console.log(`  ${formatSize(sizeBytes).padStart(10)}  ${sha256}  ${path}`);
    console.log("Made from these packages of Debian, with the sha256 of what was downloaded:");
    for (const source of bundle.manifest.sources) {
      console.log(`  ${source.package} ${source.version} (${source.suite}, ${source.licence})`);
      for (const [file, sha256] of Object.entries(source.files)) console.log(`    ${sha256}  ${file}`);
    }
    console.log(SOURCE_WORDS);
  },
});

const extract = buildCommand({
  docs: {
    brief: "Write the boot shim as files that any TFTP server can serve",
    fullDescription: "Example:\n  pinetboot shim extract /srv/tftp --variant ethernet",
  },
  parameters: {
    flags: {
      cache: cacheFlag,
      json: jsonFlag,
      variant: { kind: "enum", values: SHIM_VARIANTS, brief: "Which shim", default: "ethernet" },
    },
    positional: { kind: "tuple", parameters: [{ brief: "Folder", parse: text, placeholder: "dir" }] },
  },
  async func(flags: ShimFlags & { readonly variant: ShimVariant }, dir: string) {
    const target = resolve(dir);
    const files = await extractShim(await find(flags), target, flags.variant);
    await giveTreeToCaller(target);
    if (flags.json) printJson({ dir: target, files });
    else console.log(`${files.length} files are in ${target}`);
  },
});

/** What the GPL asks for: where the source of what is in the bundle is had. */
const SOURCE_WORDS = `The corresponding source of each: "apt-get source PACKAGE=VERSION" with a deb-src line of its suite, or Debian's
snapshot archive when the suite has a newer one; linux-source is the kernel's source itself. Patches, configuration,
programs of our own and the script that builds all of it: src/shim of pinetboot's repository. The packages
raspi-firmware and firmware-brcm80211 are binaries without source; the licence texts lie in the bundle.`;

/** Word of --wpa-supplicant for the shim that everybody may have. */
const NO_WIFI_FILE = "none";

async function useWifiFile(cacheDir: string, path: string): Promise<void> {
  if (path === NO_WIFI_FILE) return keepSiteWifi(cacheDir, undefined);
  const content = await readFile(path).catch((error: unknown) => {
    throw new ApplianceError("not-found", `The WiFi file cannot be read: ${toApplianceError(error).message}`);
  });
  await keepSiteWifi(cacheDir, content);
}

async function find({ cache }: ShimFlags): Promise<ShimBundle> {
  const bundle = await findShim({ cacheDir: cache ?? defaultCacheFolder() });
  if (!bundle)
    throw new ApplianceError("shim-unavailable", "There is no boot shim yet", "pinetboot shim build");
  return bundle;
}

function describe({ manifest, tarPath }: ShimBundle) {
  return { path: tarPath, ...manifest };
}

function summary({ manifest, tarPath }: ShimBundle): string {
  const kernels = manifest.files.filter(({ part }) => part === "kernel");
  const sizes = kernels.map(({ path, sizeBytes }) => `${path} ${formatSize(sizeBytes)}`);
  return `Linux ${[manifest.kernelRelease, ...sizes].join(", ")}, in ${tarPath}`;
}

export const shimRoutes = buildRouteMap({
  routes: { build, info, extract },
  docs: { brief: "The small Linux that a Pi loads first" },
});
