/**
 * An apt root of the project's own in the cache folder: any Debian suite, from the mirror this machine
 * already uses, without touching the machine's package lists and without rights of root.
 *
 *   cache/debian/<suite>-<components>/   apt.conf, sources.list, lists, an empty dpkg status
 *   cache/debian/pool/                   every file ever downloaded, by its file name
 */
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { takeFileLock } from "../support/file-lock.ts";
import { sha256OfFile } from "../support/hash.ts";
import { run as runCommand, type Run } from "../support/run.ts";
import { ShimError } from "../support/shim-error.ts";
import { findKeyring, findMirror } from "./mirror.ts";

/** Package lists younger than this are used as they are; a file that has left the mirror refreshes them anyway. */
const LISTS_FRESH_MS = 12 * 3600 * 1000;

export interface AptRootOptions {
  /** `$XDG_CACHE_HOME/pinetboot`. */
  readonly cacheDir: string;
  /** Default `["main"]`. */
  readonly components?: readonly string[];
  /** Architecture of binary packages; default "arm64", the Pi's. */
  readonly arch?: string;
  readonly run?: Run;
  readonly signal?: AbortSignal | undefined;
}

/** One file of a package as the mirror's signed index describes it. */
export interface PackageFile {
  readonly fileName: string;
  readonly sizeBytes: number;
  /** In hex. */
  readonly sha256: string;
}

export interface Download extends PackageFile {
  /** Where it lies now, in the pool of the cache. */
  readonly path: string;
}

export interface DownloadOptions {
  /** Source packages (.dsc and its archives) in place of binary ones. */
  readonly source?: boolean;
}

type AptCommand = readonly [program: string, ...words: string[]];

export class AptRoot {
  readonly suite: string;
  readonly #dir: string;
  readonly #pool: string;
  readonly #options: AptRootOptions;
  readonly #run: Run;

  private constructor(suite: string, options: AptRootOptions) {
    const components = options.components ?? ["main"];
    this.suite = suite;
    this.#options = options;
    this.#run = options.run ?? runCommand;
    const parts = [suite, ...components, options.arch ?? "arm64"];
    this.#dir = join(options.cacheDir, "debian", parts.join("-"));
    this.#pool = poolDir(options.cacheDir);
  }

  /**
   * Opens the root of one suite ("trixie", "trixie-backports", "forky", ...) and refreshes its lists when old.
   *
   * @throws ShimError "no-debian-mirror" or "command-failed" (the mirror does not answer)
   */
  static async open(suite: string, options: AptRootOptions): Promise<AptRoot> {
    const root = new AptRoot(suite, options);
    await root.#refresh(LISTS_FRESH_MS);
    return root;
  }

  /** Versions on offer of every binary package whose name matches, e.g. /^linux-source-/; unsorted. */
  async versions(pattern: RegExp): Promise<{ name: string; version: string }[]> {
    const found = await this.#apt(["apt-cache", "dumpavail"]);
    return found
      .split("\n\n")
      .map((stanza) => ({
        name: /^Package: (.+)$/m.exec(stanza)?.[1] ?? "",
        version: /^Version: (.+)$/m.exec(stanza)?.[1] ?? "",
      }))
      .filter(({ name }) => pattern.test(name));
  }

  /** Version of the newest `name` on offer, binary or source. */
  async newest(name: string, options: DownloadOptions = {}): Promise<string> {
    const listed = await this.#apt(["apt-cache", "madison", name]);
    const wanted = options.source ? /Sources$/ : /Packages$/;
    const line = listed.split("\n").find((each) => wanted.test(each));
    const version = line?.split("|")[1]?.trim();
    if (version === undefined)
      throw new ShimError("package-unavailable", `Debian ${this.suite} has no package ${name}`);
    return version;
  }

  /**
   * Downloads packages, each "name" (the newest) or "name=version", into the pool and returns their files.
   * A file that is in the pool already and has the sum of the signed index is not downloaded again.
   *
   * @throws ShimError "package-unavailable" when the mirror lacks one (the lists are refreshed first), "checksum"
   */
  async download(packages: readonly string[], options: DownloadOptions = {}): Promise<Download[]> {
    const files = await this.#locate(packages, options).catch(async () => {
      await this.#refresh(0);
      return await this.#locate(packages, options);
    });
    const downloads = files.map(({ fileName, sizeBytes, sha256 }) => {
      return { fileName, sizeBytes, sha256, path: join(this.#pool, fileName) };
    });
    const have = await Promise.all(downloads.map(isIntact));
    if (have.includes(false)) await this.#fetch(packages, downloads, options);
    return downloads;
  }

  /** Unpacks the files of a binary package into `dir`, which is made when it is missing. */
  async unpack(deb: string, dir: string): Promise<void> {
    await unpackDeb(this.#run, deb, dir, this.#options.signal);
  }

  async #locate(packages: readonly string[], options: DownloadOptions): Promise<PackageFile[]> {
    const command: AptCommand = ["apt-get", "--print-uris", "--download-only", verb(options), ...packages];
    const listed = await this.#apt(command).catch((error: unknown) => {
      if (error instanceof ShimError && error.code === "command-failed")
        throw new ShimError("package-unavailable", `Debian ${this.suite} lacks ${packages.join(" ")}`);
      throw error;
    });
    return parsePrintUris(listed);
  }

  /** Into a folder of this process first: a file in the pool is always whole. */
  async #fetch(
    packages: readonly string[],
    files: readonly Download[],
    options: DownloadOptions,
  ): Promise<void> {
    const arriving = join(this.#pool, `.arriving-${process.pid}-${Bun.randomUUIDv7()}`);
    await mkdir(arriving, { recursive: true });
    try {
      await this.#apt(["apt-get", "--download-only", verb(options), ...packages], arriving);
      for (const file of files) {
        const path = join(arriving, file.fileName);
        if ((await sha256OfFile(path)) !== file.sha256)
          throw new ShimError("checksum", `${file.fileName} is not what the mirror's signed index says`);
        await rename(path, file.path);
      }
    } finally {
      await rm(arriving, { recursive: true, force: true });
    }
  }

  /** Writes the configuration and runs `apt-get update` unless the lists are younger than `maxAgeMs`. */
  async #refresh(maxAgeMs: number): Promise<void> {
    const stamp = join(this.#dir, "updated");
    const lock = await takeFileLock(join(this.#dir, "lock"), { signal: this.#options.signal });
    try {
      if (await isYounger(stamp, maxAgeMs)) return;
      await this.#configure();
      await this.#apt(["apt-get", "update", "-q"]);
      await writeFile(stamp, "");
    } finally {
      await lock.release();
    }
  }

  async #configure(): Promise<void> {
    const mirror = await findMirror(this.#run);
    const keyring = findKeyring();
    const options = keyring === undefined ? "" : `[signed-by=${keyring}] `;
    const components = (this.#options.components ?? ["main"]).join(" ");
    for (const folder of ["state/lists/partial", "cache/archives/partial", "empty"])
      await mkdir(join(this.#dir, folder), { recursive: true });
    await writeFile(join(this.#dir, "state/status"), "");
    await writeFile(
      join(this.#dir, "sources.list"),
      ["deb", "deb-src"].map((kind) => `${kind} ${options}${mirror} ${this.suite} ${components}\n`).join(""),
    );
    await writeFile(join(this.#dir, "apt.conf"), aptConfiguration(this.#dir, this.#options.arch ?? "arm64"));
  }

  async #apt(command: AptCommand, cwd?: string): Promise<string> {
    const [program, ...words] = command;
    return await this.#run([program, "-c", join(this.#dir, "apt.conf"), ...words], {
      signal: this.#options.signal,
      ...(cwd === undefined ? {} : { cwd }),
    });
  }
}

/** Unpacks the files of a binary package into `dir`, which is made when it is missing. */
export async function unpackDeb(run: Run, deb: string, dir: string, signal?: AbortSignal): Promise<void> {
  await mkdir(dir, { recursive: true });
  await run(["dpkg-deb", "-x", deb, dir], { signal });
}

/** Unpacks a source package with Debian's patches applied into `dir`, which must not be there yet. */
export async function unpackDsc(run: Run, dsc: string, dir: string, signal?: AbortSignal): Promise<void> {
  await run(["dpkg-source", "--no-check", "-x", dsc, dir], { signal });
}

/** Folder of every downloaded file, by file name. */
export function poolDir(cacheDir: string): string {
  return join(cacheDir, "debian", "pool");
}

/** Whether a file lies in the pool, with the sum that is expected. */
export async function isIntact(file: Download): Promise<boolean> {
  if (!(await Bun.file(file.path).exists())) return false;
  return (await sha256OfFile(file.path)) === file.sha256;
}

/**
 * The answer of `apt-get --print-uris`, a line per file:
 * `'address' file-name size SHA256:hex`. Other lines are talk.
 */
export function parsePrintUris(text: string): PackageFile[] {
  return [...text.matchAll(/^'[^']*' (\S+) (\d+) SHA256:([0-9a-f]{64})$/gm)].map(
    ([, name, size, sha256]) => ({
      fileName: basename(name ?? ""),
      sizeBytes: Number(size),
      sha256: sha256 ?? "",
    }),
  );
}

/**
 * Read after the machine's own configuration, whose proxies and certificates are wanted; its lists,
 * preferences and hooks are not. A mirror whose lists have expired (a snapshot, one that lags) will do:
 * the lock's sums say which bytes are right.
 */
function aptConfiguration(dir: string, arch: string): string {
  return `#clear APT::Update;
#clear APT::Architectures;
APT::Architecture "${arch}";
APT::Architectures { "${arch}"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Dir::Etc::SourceList "${dir}/sources.list";
Dir::Etc::SourceParts "${dir}/empty";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "${dir}/empty";
Dir::State "${dir}/state";
Dir::State::Lists "${dir}/state/lists";
Dir::State::status "${dir}/state/status";
Dir::Cache "${dir}/cache";
Dir::Cache::Archives "${dir}/cache/archives";
`;
}

function verb(options: DownloadOptions): string {
  return options.source ? "source" : "download";
}

async function isYounger(path: string, ageMs: number): Promise<boolean> {
  if (!(await Bun.file(path).exists())) return false;
  return Date.now() - (await stat(path)).mtimeMs < ageMs;
}

/** Reads the `Version:` of a .dsc file. */
export async function versionOfDsc(path: string): Promise<string> {
  return /^Version: (.+)$/m.exec(await readFile(path, "utf8"))?.[1] ?? "";
}
