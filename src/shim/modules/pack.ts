/** The module pack as a squashfs: mounted from memory by the shim, and small enough to be fetched at every boot. */
import type { Run } from "../support/run.ts";
import { ShimError } from "../support/shim-error.ts";
import { file } from "bun";

/** What a Pi keeps in its memory for as long as the root runs, and fetches within seconds. */
export const PACK_MAX_BYTES = 30_000_000;

/**
 * Options of mksquashfs. zstd unpacks several times as fast as xz on a Pi 3, where every module is unpacked once;
 * and nothing of the day, the machine or its users goes in.
 */
export const PACK_RECIPE = [
  "-noappend",
  "-comp",
  "zstd",
  "-Xcompression-level",
  "19",
  "-b",
  "262144",
  "-all-root",
  "-no-xattrs",
  "-no-exports",
  "-mkfs-time",
  "0",
  "-all-time",
  "0",
  "-no-progress",
  "-quiet",
] as const;

/**
 * Name of the pack in the bundle and in a boot tree. A pack fits one kernel only, and two kernels can have one
 * release: `kernelId` (see `kernelId`) tells them apart.
 */
export function packName(kernelRelease: string, kernelId: string): string {
  return `modules-${kernelRelease}-${kernelId}.sqfs`;
}

/**
 * Packs the content of `dir`. The same files give the same bytes, whatever the umask that they were made under.
 *
 * @throws ShimError "image-too-large" for more than `PACK_MAX_BYTES`
 */
export async function packModules(
  run: Run,
  dir: string,
  outputPath: string,
  signal?: AbortSignal,
): Promise<void> {
  await run(["chmod", "-R", "u=rwX,go=rX", dir], { signal });
  await run(["mksquashfs", dir, outputPath, ...PACK_RECIPE], { signal });
  const { size } = file(outputPath);
  if (size > PACK_MAX_BYTES)
    throw new ShimError(
      "image-too-large",
      `the module pack has ${size} bytes, and ${PACK_MAX_BYTES} is the most it may have`,
    );
}
