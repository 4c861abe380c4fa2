/** A static musl userland by the machine's own cross compiler: Debian's musl-dev and kernel headers, unpacked. */
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { Run } from "../support/run.ts";
import { COMPILE_FLAGS, CROSS_COMPILER, LINK_FLAGS } from "./recipe.ts";

export interface MuslOptions {
  /** Where musl-dev:arm64 is unpacked. */
  readonly muslDir: string;
  /** Where linux-libc-dev is unpacked. */
  readonly kernelHeadersDir: string;
  /** Takes the folder of links to the kernel's headers, and object files. */
  readonly workDir: string;
  readonly run: Run;
  readonly signal?: AbortSignal | undefined;
}

export class MuslCompiler {
  readonly #options: MuslOptions;
  readonly #headers: string;

  private constructor(options: MuslOptions, headers: string) {
    this.#options = options;
    this.#headers = headers;
  }

  /**
   * Prepares the headers: of linux-libc-dev only the kernel's own folders are seen, not those that clash with musl's.
   */
  static async prepare(options: MuslOptions): Promise<MuslCompiler> {
    const headers = join(options.workDir, "kernel-headers");
    await mkdir(headers, { recursive: true });
    const include = join(options.kernelHeadersDir, "usr/include");
    await symlink(join(include, "linux"), join(headers, "linux"));
    await symlink(join(include, "asm-generic"), join(headers, "asm-generic"));
    await symlink(join(include, "aarch64-linux-gnu/asm"), join(headers, "asm"));
    return new MuslCompiler(options, headers);
  }

  /** Compiles one C file into an object. `flags` come last: defines and further include folders. */
  async compile(source: string, object: string, flags: readonly string[]): Promise<void> {
    const musl = join(this.#options.muslDir, "usr/include/aarch64-linux-musl");
    const search = ["-nostdinc", "-isystem", musl, "-isystem", this.#headers];
    // assert() names its source file: without the folder, or the same input would not give the same bytes.
    const nameless = `-ffile-prefix-map=${this.#options.workDir}/=`;
    await this.#cc([...search, ...COMPILE_FLAGS, nameless, ...flags, "-c", source, "-o", object]);
  }

  /** Links objects into a static program. */
  async link(objects: readonly string[], program: string): Promise<void> {
    const lib = join(this.#options.muslDir, "usr/lib/aarch64-linux-musl");
    const libgcc = (await this.#cc(["-print-libgcc-file-name"])).trim();
    const start = [join(lib, "crt1.o"), join(lib, "crti.o")];
    const end = [join(lib, "libc.a"), libgcc, join(lib, "crtn.o")];
    await this.#cc([...LINK_FLAGS, "-o", program, ...start, ...objects, ...end]);
  }

  async #cc(words: readonly string[]): Promise<string> {
    return await this.#options.run([CROSS_COMPILER, ...words], { signal: this.#options.signal });
  }
}
