/** manifest.json of a bundle: what is in it and where each file comes from. */
import { z } from "zod";
import { SHIM_VARIANTS } from "../variants.ts";

const File = z.strictObject({
  path: z.string(),
  sizeBytes: z.int().nonnegative(),
  sha256: z.string(),
  /** The one variant that has it; files without are in every one. */
  variant: z.enum(SHIM_VARIANTS).optional(),
  part: z.enum(["kernel", "modules", "firmware", "device-tree", "overlay", "eeprom", "licence"]),
});

const Source = z.strictObject({
  package: z.string(),
  version: z.string(),
  suite: z.string(),
  /** SPDX name. */
  licence: z.string(),
  /** File name -> sha256 of what was downloaded. */
  files: z.record(z.string(), z.string()),
  /** False when the mirror lacked the version of lock.json. */
  locked: z.boolean(),
});

const Manifest = z.strictObject({
  format: z.literal(2),
  /** Hash of everything that the bundle is made from; also the name of its folder in the cache. */
  inputs: z.string(),
  kernelRelease: z.string(),
  files: z.array(File),
  sources: z.array(Source),
});

export type Manifest = z.infer<typeof Manifest>;
export type ManifestFile = z.infer<typeof File>;

/** Parses manifest.json; throws a ZodError that names what is wrong. */
export function parseManifest(text: string): Manifest {
  return Manifest.parse(JSON.parse(text));
}
