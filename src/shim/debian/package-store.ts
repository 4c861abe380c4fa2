/** Gets the packages of the lock, from the pool without asking anyone where they are there already. */
import { join } from "node:path";
import { run } from "../support/run.ts";
import { ShimError } from "../support/shim-error.ts";
import { AptRoot, isIntact, poolDir, unpackDeb, unpackDsc, versionOfDsc, type Download } from "./apt-root.ts";
import { type LockedPackage, type LockFile } from "./lock-file.ts";
import { packageRow, PACKAGES, type PackageId, type PackageRow } from "./packages.ts";

export interface FetchedPackage {
  readonly id: PackageId;
  /** Name of the package, e.g. "linux-source-7.3". */
  readonly name: string;
  readonly version: string;
  readonly row: PackageRow;
  /** One .deb, or a .dsc with its archives. */
  readonly files: readonly Download[];
  /** False when the mirror no longer had the locked version and the newest was taken. */
  readonly locked: boolean;
}

export interface PackageStoreOptions {
  readonly cacheDir: string;
  readonly lock: LockFile;
  /** Told, in a sentence, when something else than the locked version is used. */
  readonly onWarning?: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
}

export class PackageStore {
  readonly #options: PackageStoreOptions;
  readonly #roots = new Map<string, Promise<AptRoot>>();

  constructor(options: PackageStoreOptions) {
    this.#options = options;
  }

  /**
   * The files of a package in its locked version, or, with a warning, in the newest when the mirror lacks that.
   *
   * @throws ShimError "package-unavailable", "checksum", "no-debian-mirror"
   */
  async fetch(id: PackageId): Promise<FetchedPackage> {
    const row = packageRow(id);
    const locked = this.#options.lock.packages[id];
    if (locked === undefined) throw new ShimError("package-unavailable", `lock.json does not name ${id}`);
    const pooled = lockedFiles(this.#options.cacheDir, locked);
    const intact = await Promise.all(pooled.map(isIntact));
    if (!intact.includes(false)) return fetched(row, id, locked, pooled);

    const root = await this.#root(row);
    const options = { source: row.kind === "source" };
    try {
      const files = await root.download([`${locked.package}=${locked.version}`], options);
      for (const file of files)
        if (locked.files[file.fileName] !== file.sha256)
          throw new ShimError("checksum", `${file.fileName} of the mirror is not the one of lock.json`);
      return fetched(row, id, locked, files);
    } catch (error) {
      if (!(error instanceof ShimError) || error.code !== "package-unavailable") throw error;
    }
    const newest = await this.newest(id);
    const { name, version } = newest;
    this.#options.onWarning?.(
      `The mirror no longer has ${locked.package} ${locked.version}: ${name} ${version} is used.`,
    );
    return newest;
  }

  /** The newest version on the mirror, whatever the lock says. */
  async newest(id: PackageId): Promise<FetchedPackage> {
    const row = packageRow(id);
    const root = await this.#root(row);
    const name = typeof row.name === "string" ? row.name : await highestName(root, row.name);
    const options = { source: row.kind === "source" };
    const files = await root.download([name], options);
    const dsc = files.find((file) => file.fileName.endsWith(".dsc"));
    const version = dsc ? await versionOfDsc(dsc.path) : versionOfDeb(files[0]?.fileName ?? "");
    return { id, name, version, row, files, locked: false };
  }

  /** Unpacks a binary package, or a source package with Debian's patches, into `dir`. */
  async unpack(fetched: FetchedPackage, dir: string): Promise<void> {
    const path = fetched.files.find((file) => /\.(deb|dsc)$/.test(file.fileName))?.path ?? "";
    const unpackFile = fetched.row.kind === "source" ? unpackDsc : unpackDeb;
    await unpackFile(run, path, dir, this.#options.signal);
  }

  /** A lock of the newest version of every package on the mirror; `today` is an ISO date. */
  async updatedLock(today: string): Promise<LockFile> {
    const packages: Record<string, LockedPackage> = {};
    for (const { id } of PACKAGES) {
      const { name, version, files } = await this.newest(id);
      const sums = files.map((file) => [file.fileName, file.sha256] as const);
      packages[id] = { package: name, version, files: Object.fromEntries(sums) };
    }
    return { updated: today, packages };
  }

  async #root(row: PackageRow): Promise<AptRoot> {
    const key = `${row.suite} ${row.component}`;
    const opened =
      this.#roots.get(key) ??
      AptRoot.open(row.suite, {
        cacheDir: this.#options.cacheDir,
        components: [row.component],
        signal: this.#options.signal,
      });
    this.#roots.set(key, opened);
    return await opened;
  }
}

function lockedFiles(cacheDir: string, locked: LockedPackage): Download[] {
  return Object.entries(locked.files).map(([fileName, sha256]) => {
    return { fileName, sha256, sizeBytes: 0, path: join(poolDir(cacheDir), fileName) };
  });
}

function fetched(row: PackageRow, id: PackageId, locked: LockedPackage, files: Download[]): FetchedPackage {
  return { id, name: locked.package, version: locked.version, row, files, locked: true };
}

/** `linux-source-7.10` is above `linux-source-7.9`: the groups of the pattern are numbers. */
async function highestName(root: AptRoot, pattern: RegExp): Promise<string> {
  const names = [...new Set((await root.versions(pattern)).map(({ name }) => name))];
  const highest = names.toSorted(Intl.Collator("en", { numeric: true }).compare).at(-1);
  if (highest === undefined)
    throw new ShimError("package-unavailable", `Debian ${root.suite} has no package like ${pattern.source}`);
  return highest;
}

/** `name_version_arch.deb`; apt writes the colon of an epoch as %3a. */
export function versionOfDeb(fileName: string): string {
  return decodeURIComponent(fileName.split("_")[1] ?? "");
}
