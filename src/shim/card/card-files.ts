/** What lies on the bootstrap card: the tree that a Pi's firmware loads, and what the person adds. */
import { STANDALONE_CMDLINE } from "../boards/cmdline.ts";
import { bootTree } from "../boot-tree.ts";
import type { ShimBundle } from "../bundle/bundle.ts";
import type { EepromChip } from "../eeprom/eeprom-image.ts";
import { SPI_PACK, SPI_PACK_ON_CARD } from "../eeprom/spi-pack.ts";
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
  /** Has the shim give the EEPROM of a Pi 4 or 5 that boot order, if it needs it. */
  readonly eeprom: CardEeprom | undefined;
}

export interface CardEeprom {
  readonly bootOrder: string;
  /** Raspberry Pi's own programs, from `cardEepromFiles`. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** The chips for which there are none: the shim writes their EEPROM by flashrom over SPI. */
  readonly spiChips: readonly EepromChip[];
}

/** The shim takes the line of its board out when it is done (userland/init/eeprom-spi.sh). */
const SPI_LINES = {
  "2711":
    "\n[pi4]\n# once: the flash chip of the EEPROM, on pins of the sound\ndtoverlay=eeprom-spi\n\n[all]\n",
  "2712": "\n[pi5]\n# once: the flash chip of the EEPROM\ndtoverlay=eeprom-spi-pi5\n\n[all]\n",
} as const satisfies Record<EepromChip, string>;

/**
 * The card's files by path. Throws ShimError "bad-server" for a host that cannot stand on a command line, "no-firmware"
 * when a chip is to be written over SPI and the bundle has not what that takes.
 */
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
  const spiChips = options.eeprom?.spiChips ?? [];
  const lines = [options.pi3Otp ? OTP_LINES : "", ...spiChips.map((chip) => SPI_LINES[chip])];
  const config = new TextDecoder().decode(files.get("config.txt"));
  files.set("config.txt", new TextEncoder().encode(`${config}${lines.join("")}`));
  if (spiChips.length > 0) files.set(SPI_PACK_ON_CARD, spiPackOf(bundle));
  if (options.wifi) files.set(WIFI_FILE, options.wifi);
  for (const [path, content] of options.eeprom?.files ?? []) files.set(path, content);
  return files;
}

function spiPackOf(bundle: ShimBundle): Uint8Array {
  const pack = bundle.file(SPI_PACK);
  if (pack) return pack;
  throw new ShimError(
    "no-firmware",
    "This shim has no part with which it could write an EEPROM over SPI",
    "Let pinetboot shim build come to its end.",
  );
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
