/** Makes a bundle of its parts: the manifest that names every file and source, and the tar of all of it. */
import type { FetchedPackage } from "../debian/package-store.ts";
import { sha256 } from "../support/hash.ts";
import { byCodePoint } from "../support/sort.ts";
import type { ShimVariant } from "../variants.ts";
import { MANIFEST } from "./bundle.ts";
import type { Manifest, ManifestFile } from "./manifest.ts";
import { encodeTar, type TarEntry } from "./tar.ts";

export interface Part {
  readonly part: ManifestFile["part"];
  /** The only variant that has these files. */
  readonly variant?: ShimVariant;
  readonly files: readonly TarEntry[];
}

/** What a bundle says of itself besides its files. */
export interface Origin {
  /** Hash of all that it is made from: `inputsKey`. */
  readonly inputs: string;
  readonly kernelRelease: string;
  readonly packages: readonly FetchedPackage[];
}

/** The tar of these parts and their manifest.json, which names the files in the order of the parts. */
export function assembleBundle(origin: Origin, parts: readonly Part[]): Uint8Array {
  const manifest = `${JSON.stringify(describe(origin, parts), undefined, 2)}\n`;
  const entries = [
    { path: MANIFEST, data: new TextEncoder().encode(manifest) },
    ...parts.flatMap(({ files }) => files),
  ];
  return encodeTar(entries.toSorted((a, b) => byCodePoint(a.path, b.path)));
}

function describe({ inputs, kernelRelease, packages }: Origin, parts: readonly Part[]): Manifest {
  const files = parts.flatMap(({ part, variant, files: entries }) =>
    entries.map(({ path, data }) => {
      return {
        path,
        sizeBytes: data.length,
        sha256: sha256(data),
        ...(variant !== undefined && { variant }),
        part,
      };
    }),
  );
  const sources = packages.map(({ name, version, row, files: fetched, locked }) => {
    const sums = fetched.map((file) => [file.fileName, file.sha256] as const);
    return {
      package: name,
      version,
      suite: row.suite,
      licence: row.licence,
      files: Object.fromEntries(sums),
      locked,
    };
  });
  return { format: 2, inputs, kernelRelease, files, sources };
}
