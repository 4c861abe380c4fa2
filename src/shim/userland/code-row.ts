/** How C files become objects: data, so that it can be hashed. */
import type { PackageId } from "../debian/packages.ts";

/** Source packages that programs are compiled from, unpacked below the compiler's working folder under these names. */
export const SOURCE_PACKAGES = [
  "libnl3",
  "libzstd",
  "open-iscsi",
  "wolfssl",
  "wpa",
] as const satisfies readonly PackageId[];

/** C files that are compiled alike. */
export interface CodeRow {
  /** A source package, or "ours" for the files of `C_SOURCES`. */
  readonly from: (typeof SOURCE_PACKAGES)[number] | "ours";
  /** Below the folder of `from`. */
  readonly files: readonly string[];
  /** Folders of headers below the working folder, e.g. "ours/include". */
  readonly includes: readonly string[];
  readonly flags: readonly string[];
}

/** Upstream's warnings are upstream's. */
export const THEIR_FLAGS = ["-w"] as const;

/** Ours are errors. */
export const OUR_FLAGS = ["-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"] as const;
