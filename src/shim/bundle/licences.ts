/** The licence texts that travel with the bundle: who passes the shim on passes these on. */
import { join } from "node:path";
import { file } from "bun";
import type { FetchedPackage } from "../debian/package-store.ts";
import { FLASHROM_PACKAGES } from "../eeprom/spi-pack.ts";
import { FIRMWARE_LICENCE } from "../firmware/raspi-firmware.ts";
import type { Run } from "../support/run.ts";
import type { TarEntry } from "./tar.ts";

/** Files of the kernel's source that together are its licence. */
const LINUX_TEXTS = [
  "COPYING",
  "LICENSES/preferred/GPL-2.0",
  "LICENSES/exceptions/Linux-syscall-note",
] as const;

/** Debian's copyright file of each package whose code is in the bundle, by its name there. */
const DEBIAN_TEXTS = [
  { path: FIRMWARE_LICENCE, id: "raspi-firmware" },
  { path: "LICENCE.firmware-brcm80211", id: "firmware-brcm80211" },
  { path: "LICENCE.wireless-regdb", id: "wireless-regdb" },
  { path: "LICENCE.busybox", id: "busybox-static" },
  { path: "LICENCE.musl", id: "musl-dev" },
  { path: "LICENCE.open-iscsi", id: "open-iscsi" },
  { path: "LICENCE.zstd", id: "libzstd" },
  { path: "LICENCE.wpa_supplicant", id: "wpa" },
  { path: "LICENCE.libnl", id: "libnl3" },
  { path: "LICENCE.wolfssl", id: "wolfssl" },
  ...FLASHROM_PACKAGES.map((id) => ({ path: `LICENCE.${id}`, id })),
] as const;

/** Reads all licence texts out of the kernel's tree and the packages' files. */
export async function readLicences(
  run: Run,
  kernelTree: string,
  packages: readonly FetchedPackage[],
): Promise<TarEntry[]> {
  const linux = await Promise.all(LINUX_TEXTS.map((name) => file(join(kernelTree, name)).text()));
  const debian = DEBIAN_TEXTS.map(async ({ path, id }) => {
    const found = packages.find((each) => each.id === id);
    if (found === undefined) throw new RangeError(`${id} was not fetched`);
    return textEntry(path, await copyrightOf(run, found));
  });
  return [textEntry("LICENCE.linux", linux.join("\n")), ...(await Promise.all(debian))];
}

async function copyrightOf(run: Run, fetched: FetchedPackage): Promise<string> {
  const sources = fetched.files.find(({ fileName }) => /\.debian\.tar\.\w+$/.test(fileName));
  if (sources)
    return await run(["tar", "--extract", "--to-stdout", `--file=${sources.path}`, "debian/copyright"]);
  const [deb] = fetched.files;
  const member = `./usr/share/doc/${fetched.name}/copyright`;
  const pipe = 'dpkg-deb --fsys-tarfile "$1" | tar --extract --to-stdout --file=- "$2"';
  return await run(["sh", "-c", pipe, "sh", deb?.path ?? "", member]);
}

function textEntry(path: string, text: string): TarEntry {
  return { path, data: new TextEncoder().encode(text) };
}
