/** Builds the initramfs of the shim: one reproducible archive, xz inside, for the kernel to embed. */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ShimVariant } from "../variants.ts";
import { type CpioEntry, encodeCpio } from "./cpio.ts";
import { buildPrograms, programInputs, type ProgramsOptions } from "./programs.ts";
import { INIT, INIT_PARTS } from "./sources.ts";
import { BUSYBOX_COMMANDS, initramfsTree, wifiTree } from "./tree.ts";

/** Words of xz. The kernel's decoder knows CRC32 alone; a dictionary of 4 MiB holds the whole archive. */
export const INITRAMFS_XZ = [
  "xz",
  "--format=xz",
  "--check=crc32",
  "--lzma2=preset=9e,dict=4MiB",
  "--threads=1",
] as const;

export interface InitramfsOptions extends Omit<ProgramsOptions, "workDir"> {
  /** Takes the archive, and what is unpacked and compiled on the way. */
  readonly workDir: string;
  readonly variant: ShimVariant;
  /** What goes in besides the userland, e.g. the kernel's modules. */
  readonly extra?: readonly CpioEntry[];
}

/**
 * Builds the initramfs, programs from the cache where their inputs have not changed, and returns the path of
 * `initramfs.cpio.xz` in the work folder, for CONFIG_INITRAMFS_SOURCE. The same inputs give the same bytes.
 *
 * Needs aarch64-linux-gnu-gcc, xz, dpkg-deb and dpkg-source.
 *
 * @throws ShimError "package-unavailable", "checksum", "command-failed" (a compiler's words), "cancelled"
 */
export async function buildInitramfs(options: InitramfsOptions): Promise<string> {
  await mkdir(options.workDir, { recursive: true });
  const busyboxDir = join(options.workDir, "busybox");
  const busybox = await options.packages.fetch("busybox-static");
  await options.packages.unpack(busybox, busyboxDir);
  const programs = await buildPrograms({ ...options, workDir: join(options.workDir, "userland") });
  const tree = initramfsTree({
    busybox: await readFile(join(busyboxDir, "usr/bin/busybox")),
    font: await readFile(join(programs, "font")),
    helpdisk: await readFile(join(programs, "helpdisk")),
    "find-servers": await readFile(join(programs, "find-servers")),
    iscsid: await readFile(join(programs, "iscsid")),
    iscsistart: await readFile(join(programs, "iscsistart")),
    keep: await readFile(join(programs, "keep")),
    "kexec-load": await readFile(join(programs, "kexec-load")),
    "kexec-tree": await readFile(join(programs, "kexec-tree")),
    unzstd: await readFile(join(programs, "unzstd")),
  });
  const radio =
    options.variant === "wifi"
      ? wifiTree({
          "wpa-ask": await readFile(join(programs, "wpa-ask")),
          wpa_supplicant: await readFile(join(programs, "wpa_supplicant")),
        })
      : [];
  const archive = join(options.workDir, "initramfs.cpio");
  await writeFile(archive, encodeCpio([...tree, ...radio, ...(options.extra ?? [])]));
  await options.run([...INITRAMFS_XZ, "--force", "--keep", archive], { signal: options.signal });
  const packed = join(options.workDir, "initramfs.cpio.xz");
  await rename(`${archive}.xz`, packed);
  return packed;
}

/** Contents of the project's own that decide the initramfs; Debian's packages are in the lock. */
export function initramfsInputs(): string[] {
  return [
    INIT,
    ...Object.values(INIT_PARTS),
    ...programInputs(),
    JSON.stringify([INITRAMFS_XZ, BUSYBOX_COMMANDS]),
  ];
}
