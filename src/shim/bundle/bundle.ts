/** The finished shim: one tar with everything that a Pi's firmware loads. */
import { file } from "bun";
import { ShimError } from "../support/shim-error.ts";
import { type Manifest, parseManifest } from "./manifest.ts";
import { decodeTar } from "./tar.ts";

/** Name of the manifest inside the bundle. */
export const MANIFEST = "manifest.json";

export interface ShimBundle {
  readonly manifest: Manifest;
  /** Where the tar lies: in the cache, or inside the compiled binary. */
  readonly tarPath: string;
  /** Every path of the bundle, manifest.json included, sorted. */
  paths(): readonly string[];
  /** Content of a file; a view into the one copy in memory, not to be written to. */
  file(path: string): Uint8Array | undefined;
}

/**
 * Reads a bundle into memory (about 45 MB).
 *
 * @throws ShimError "bad-bundle" for a tar or manifest that is damaged
 */
export async function openBundle(tarPath: string): Promise<ShimBundle> {
  try {
    const files = decodeTar(await file(tarPath).bytes());
    const manifest = parseManifest(new TextDecoder().decode(files.get(MANIFEST)));
    const paths = [...files.keys()];
    return { manifest, tarPath, paths: () => paths, file: (path) => files.get(path) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ShimError(
      "bad-bundle",
      `the shim at ${tarPath} cannot be read: ${why}`,
      "pinetboot shim build",
    );
  }
}
