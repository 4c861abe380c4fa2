/** What lies on the bootstrap card: the tree that a Pi's firmware loads, and what the person adds. */
import { STANDALONE_CMDLINE } from "../boards/cmdline.ts";
import { bootTree } from "../boot-tree.ts";
import type { ShimBundle } from "../bundle/bundle.ts";
import { ShimError } from "../support/shim-error.ts";
import type { ShimVariant } from "../variants.ts";

/** The port of the server's boot endpoint, unless `pinetboot serve --report-port` names another. */
const DEFAULT_REPORT_PORT = 8069;
/** Where the shim looks for the WiFi's name and password. */
export const WIFI_FILE = "wpa_supplicant.conf";
/** Burns the bit with which a Pi 3B netboots without a card. It cannot be taken back. */
const OTP_LINES =
  "\n[pi3]\n# once and for good: this Pi 3B netboots without a card\nprogram_usb_boot_mode=1\n\n[all]\n";

export interface CardOptions {
  readonly variant: ShimVariant;
  /** For mode usb: the USB-C port of a Pi 4 or 5 is a disk, not a host. */
  readonly usbDevice: boolean;
  /** HOST or HOST:PORT of the server; undefined has the shim find it. */
  readonly server: string | undefined;
  /** wpa_supplicant.conf as it is. */
  readonly wifi: Uint8Array | undefined;
  /** Sets the netboot bit of a Pi 3B. */
  readonly pi3Otp: boolean;
  /** Has the shim give the EEPROM of a Pi 4 or 5 that boot order, if it needs it; the files come from `cardEepromFiles`. */
  readonly eeprom:
    | { readonly bootOrder: string; readonly files: ReadonlyMap<string, Uint8Array> }
    | undefined;
}

/** The card's files by path. Throws ShimError "bad-server" for a host that cannot stand on a command line. */
export function cardFiles(bundle: ShimBundle, options: CardOptions): Map<string, Uint8Array> {
  const server = options.server === undefined ? "" : ` pinetboot.server=${serverWord(options.server)}`;
  const eeprom = options.eeprom === undefined ? "" : ` pinetboot.eeprom=${options.eeprom.bootOrder}`;
  const tree = bootTree(bundle, {
    cmdline: `${STANDALONE_CMDLINE}${server}${eeprom}`,
    variant: options.variant,
    usbDevice: options.usbDevice,
  });
  const files = new Map<string, Uint8Array>();
  for (const path of tree.paths()) {
    const content = tree.get(path);
    if (content) files.set(path, content);
  }
  if (options.pi3Otp) {
    const config = new TextDecoder().decode(files.get("config.txt"));
    files.set("config.txt", new TextEncoder().encode(`${config}${OTP_LINES}`));
  }
  if (options.wifi) files.set(WIFI_FILE, options.wifi);
  for (const [path, content] of options.eeprom?.files ?? []) files.set(path, content);
  return files;
}

/** "10.0.0.2", "laptop.local", "10.0.0.2:8069", "[fd00::2]:8069" */
function serverWord(host: string): string {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z.-]+)(?::(\d{1,5}))?$/.exec(host);
  if (!match || Number(match[2] ?? 1) > 65_535 || Number(match[2] ?? 1) === 0)
    throw new ShimError(
      "bad-server",
      `"${host}" is neither a name nor an address of a server`,
      "For example: --server 192.168.1.10",
    );
  return `${match[1]}:${match[2] ?? DEFAULT_REPORT_PORT}`;
}
