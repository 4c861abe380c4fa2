/** The programs that the shim's build calls, and Debian's packages that bring them. */
import { existsSync } from "node:fs";
import type { Run } from "./support/run.ts";
import { ShimError } from "./support/shim-error.ts";

export interface ToolRow {
  /** A program on the PATH, or the absolute path of a file. */
  readonly needs: string;
  readonly debianPackage: string;
}

export const TOOLS = [
  { needs: "aarch64-linux-gnu-gcc", debianPackage: "gcc-aarch64-linux-gnu" },
  { needs: "gcc", debianPackage: "gcc" },
  { needs: "/usr/include/stdio.h", debianPackage: "libc6-dev" },
  { needs: "make", debianPackage: "make" },
  { needs: "flex", debianPackage: "flex" },
  { needs: "bison", debianPackage: "bison" },
  { needs: "bc", debianPackage: "bc" },
  { needs: "perl", debianPackage: "perl" },
  { needs: "xz", debianPackage: "xz-utils" },
  { needs: "patch", debianPackage: "patch" },
  { needs: "mksquashfs", debianPackage: "squashfs-tools" },
  { needs: "/usr/sbin/depmod", debianPackage: "kmod" },
  { needs: "dpkg-source", debianPackage: "dpkg-dev" },
] as const satisfies readonly ToolRow[];

/** Packages of which something is missing on this machine, each once. */
export function missingPackages(tools: readonly ToolRow[] = TOOLS): string[] {
  const missing = tools.filter(({ needs }) =>
    needs.startsWith("/") ? !existsSync(needs) : Bun.which(needs) === null,
  );
  return [...new Set(missing.map(({ debianPackage }) => debianPackage))];
}

/** The line that a person can run to get these packages. */
export function installCommand(packages: readonly string[]): string {
  return `sudo apt-get install --no-install-recommends ${packages.join(" ")}`;
}

export interface ToolchainOptions {
  readonly run: Run;
  /** Lets apt install what is missing; works for root alone. */
  readonly allowInstall: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly tools?: readonly ToolRow[];
}

/**
 * Makes sure that the toolchain is there.
 *
 * @throws ShimError "toolchain-missing" or "toolchain-install", whose `fix` is the command that installs it
 */
export async function ensureToolchain(options: ToolchainOptions): Promise<void> {
  const { run, signal } = options;
  const missing = missingPackages(options.tools);
  if (missing.length === 0) return;
  const fix = installCommand(missing);
  if (!options.allowInstall || process.getuid?.() !== 0)
    throw new ShimError("toolchain-missing", `the shim's build needs ${missing.join(", ")}`, fix);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const apt = ["apt-get", "-y", "-q", "-o", "DPkg::Lock::Timeout=600"];
  try {
    await run([...apt, "update"], { env, signal });
    await run([...apt, "install", "--no-install-recommends", ...missing], { env, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new ShimError("toolchain-install", `apt could not install the shim's toolchain: ${why}`, fix);
  }
}
