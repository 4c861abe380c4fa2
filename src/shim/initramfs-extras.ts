/** What goes into the initramfs of each variant besides the userland. */
import { wifiFirmwareEntries } from "./firmware/wifi-firmware.ts";
import type { PackageId } from "./debian/packages.ts";
import { moduleEntries } from "./modules/initramfs-modules.ts";
import type { BuiltModules } from "./modules/install.ts";
import { WIFI_MODULES } from "./modules/sets.ts";
import type { CpioEntry } from "./userland/cpio.ts";

export interface EthernetExtras {
  /** "7.3.4-pinetboot" */
  readonly kernelRelease: string;
  /** Name of the module pack on the server. */
  readonly pack: string;
}

export interface WifiExtras extends EthernetExtras {
  readonly modules: Pick<BuiltModules, "dir" | "index">;
  /** Where a package is unpacked. */
  readonly unpackedAt: (id: PackageId) => string;
  /** The wpa_supplicant.conf that the shim was built with. */
  readonly site: Uint8Array | undefined;
}

/** What the shim reads to know its pack: the kernel it is for, and its name on the server. */
export function ethernetExtras({ kernelRelease, pack }: EthernetExtras): CpioEntry[] {
  const content = new TextEncoder().encode(`${kernelRelease} ${pack}\n`);
  return [{ type: "file", path: "lib/shim/module-pack", mode: 0o644, content }];
}

/** The same, the drivers and firmware of the Pis' radios, and the site's WiFi file where the shim looks for it. */
export async function wifiExtras(options: WifiExtras): Promise<CpioEntry[]> {
  const { kernelRelease, modules, unpackedAt, site } = options;
  return [
    ...ethernetExtras(options),
    ...(await moduleEntries(modules.dir, kernelRelease, modules.index, modules.index.closure(WIFI_MODULES))),
    ...(await wifiFirmwareEntries(unpackedAt)),
    ...(site === undefined ? [] : [siteEntry(site)]),
  ];
}

function siteEntry(content: Uint8Array): CpioEntry {
  return { type: "file", path: "etc/wpa_supplicant.conf", mode: 0o600, content };
}
