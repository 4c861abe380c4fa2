/**
 * What a card with `--eeprom` carries for a Pi whose EEPROM is written by flashrom (userland/init/eeprom-spi.sh): an
 * archive that the shim unpacks into memory, and only then. `flashrom/` is Debian's program with the libraries that it
 * loads, `modules/` the kernel's two drivers.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { PackageId } from "../debian/packages.ts";
import type { BuiltModules } from "../modules/install.ts";
import type { Run } from "../support/run.ts";
import { INITRAMFS_XZ } from "../userland/build.ts";
import { type CpioEntry, encodeCpio } from "../userland/cpio.ts";

/** Its name in the bundle; a boot tree does not have it. */
export const SPI_PACK = "eeprom-spi.cpio.xz";
/** Where the shim looks for it on a card. */
export const SPI_PACK_ON_CARD = "eeprom/spi.cpio.xz";

const LIBRARIES = "usr/lib/aarch64-linux-gnu";

/** Each file by its path in the package; links become the files that they name. */
const FLASHROM_FILES = [
  { package: "flashrom", path: "usr/sbin/flashrom" },
  { package: "libc6", path: `${LIBRARIES}/ld-linux-aarch64.so.1` },
  { package: "libc6", path: `${LIBRARIES}/libc.so.6` },
  { package: "libcap2", path: `${LIBRARIES}/libcap.so.2` },
  { package: "libftdi1-2", path: `${LIBRARIES}/libftdi1.so.2` },
  { package: "libjaylink0", path: `${LIBRARIES}/libjaylink.so.0` },
  { package: "libpci3", path: `${LIBRARIES}/libpci.so.3` },
  { package: "libudev1", path: `${LIBRARIES}/libudev.so.1` },
  { package: "libusb-1.0-0", path: `${LIBRARIES}/libusb-1.0.so.0` },
  { package: "zlib1g", path: `${LIBRARIES}/libz.so.1` },
] as const satisfies readonly { readonly package: PackageId; readonly path: string }[];

export const FLASHROM_PACKAGES = [...new Set(FLASHROM_FILES.map((row) => row.package))];

/** The shim loads them in this order, each without another. */
const DRIVERS = ["spi-bcm2835", "spidev"] as const;

/** What decides the archive besides the lock and the kernel. */
export const SPI_PACK_INPUTS = [FLASHROM_FILES, DRIVERS] as const;

export interface SpiPackOptions {
  /** Takes the archive. */
  readonly workDir: string;
  /** Where each of `FLASHROM_PACKAGES` is unpacked. */
  readonly unpackedAt: (id: PackageId) => string;
  readonly modules: Pick<BuiltModules, "dir" | "index">;
  readonly run: Run;
  readonly signal?: AbortSignal | undefined;
}

/** Builds the archive. The same inputs give the same bytes. Throws ShimError "command-failed", RangeError for a driver that is not there. */
export async function buildSpiPack({
  workDir,
  unpackedAt,
  modules,
  run,
  signal,
}: SpiPackOptions): Promise<Uint8Array> {
  const programs = FLASHROM_FILES.map(async (row): Promise<CpioEntry> => {
    const content = await readFile(join(unpackedAt(row.package), row.path));
    return { type: "file", path: `flashrom/${basename(row.path)}`, mode: 0o755, content };
  });
  const drivers = DRIVERS.map(async (name): Promise<CpioEntry> => {
    const [path = "", ...needed] = modules.index.closure([name]);
    if (needed.length > 0) throw new RangeError(`the driver ${name} needs others: ${needed.join(", ")}`);
    const content = await readFile(join(modules.dir, path));
    return { type: "file", path: `modules/${name}.ko`, mode: 0o644, content };
  });
  const folders = ["flashrom", "modules"].map((path): CpioEntry => ({
    type: "directory",
    path,
    mode: 0o755,
  }));
  const archive = join(workDir, SPI_PACK.replace(/\.xz$/, ""));
  await mkdir(workDir, { recursive: true });
  await writeFile(archive, encodeCpio([...folders, ...(await Promise.all([...programs, ...drivers]))]));
  await run([...INITRAMFS_XZ, "--force", archive], { signal });
  return readFile(`${archive}.xz`);
}
