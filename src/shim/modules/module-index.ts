/** What modprobe knows of a kernel's modules: modules.dep, as depmod(8) writes it. */

/** Name of the file, in the folder of a kernel's modules. */
export const MODULES_DEP = "modules.dep";

/** The other names of modules, by which the kernel asks for them. */
export const MODULES_ALIAS = "modules.alias";

export class ModuleIndex {
  /** Path below the folder -> paths of what it needs, as modules.dep lists them. */
  readonly #needs: ReadonlyMap<string, readonly string[]>;
  readonly #paths: ReadonlyMap<string, string>;

  private constructor(needs: ReadonlyMap<string, readonly string[]>) {
    this.#needs = needs;
    this.#paths = new Map([...needs.keys()].map((path) => [moduleName(path), path]));
  }

  /** Reads modules.dep: `kernel/a.ko: kernel/b.ko kernel/c.ko`, a line for each module. */
  static parse(modulesDep: string): ModuleIndex {
    const lines = modulesDep.split("\n").filter((line) => line.includes(":"));
    return new ModuleIndex(
      new Map(
        lines.map((line) => {
          const [path = "", needed = ""] = line.split(":");
          return [path, needed.split(" ").filter((word) => word !== "")];
        }),
      ),
    );
  }

  /** Every module's path, e.g. "kernel/net/wireless/cfg80211.ko". */
  paths(): string[] {
    return [...this.#needs.keys()];
  }

  /**
   * Paths of these modules and of all that they need, sorted. A name may have `-` where the file has `_`.
   *
   * @throws RangeError for a module that is not there
   */
  closure(names: readonly string[]): string[] {
    const found = names.map((name) => {
      const path = this.#paths.get(moduleName(name));
      if (path === undefined) throw new RangeError(`the kernel has no module ${name}`);
      return [path, ...(this.#needs.get(path) ?? [])];
    });
    return [...new Set(found.flat())].toSorted();
  }

  /** The modules.dep of a part of the modules, which must hold what each of them needs. */
  format(paths: readonly string[]): string {
    return paths
      .map((path) => `${path}: ${(this.#needs.get(path) ?? []).join(" ")}`.trimEnd() + "\n")
      .join("");
  }
}

/** The modules.alias of a part of the modules: lines of `alias PATTERN MODULE`. */
export function aliasesOf(modulesAlias: string, paths: readonly string[]): string {
  const names = new Set(paths.map(moduleName));
  const lines = modulesAlias.split("\n");
  return lines.filter((line) => names.has(line.slice(line.lastIndexOf(" ") + 1))).join("\n") + "\n";
}

/** "kernel/drivers/gpu/drm/virtio/virtio-gpu.ko" -> "virtio_gpu", as lsmod shows it. */
export function moduleName(path: string): string {
  const file = path.slice(path.lastIndexOf("/") + 1);
  return file.replace(/\.ko$/, "").replaceAll("-", "_");
}
