/** What is known of a Raspberry Pi, and what a person chose for it. */
import type { ShimVariant } from "../../shim/index.ts";

/**
 * What the shim does with the disk: its partition becomes the root under the shim's kernel (pivot), the image's own
 * kernel is started (kexec), or the whole disk is offered to a computer at the Pi's USB port (usb).
 */
export const BOOT_MODES = ["pivot", "kexec", "usb"] as const;

export type BootMode = (typeof BOOT_MODES)[number];

export interface Assignment {
  /** Id of the image. */
  readonly image: string;
  readonly mode: BootMode;
  readonly variant: ShimVariant;
  readonly persistent: boolean;
  /** In mode usb: the computer at the USB port cannot write. The other modes have no use for it. */
  readonly readOnly: boolean;
}

export interface PiRecord {
  /** The low 8 hex digits of the serial number, or the MAC address of a Pi that never told its serial. */
  readonly key: string;
  /** 16 hex digits when the shim has said it, 8 when only the firmware has; null when unknown. */
  readonly serial: string | null;
  /** "dc:a6:32:01:36:c2" */
  readonly mac: string | null;
  readonly model: string | null;
  /** What a person calls it; null when it has no name. */
  readonly label: string | null;
  /** What a person put it into, to do the same with many at once; null is in none. */
  readonly group: string | null;
  /** The IPv4 address that it was last seen with. */
  readonly address: string | null;
  /** What a person or `--adopt default` chose; null while nobody has. */
  readonly assignment: Assignment | null;
  /** Unix milliseconds. */
  readonly firstSeen: number;
  readonly lastSeen: number;
}

/** What a packet, a file request or the shim tells about a Pi; each alone may be missing. */
export interface PiSighting {
  readonly serial?: string | undefined;
  readonly mac?: string | undefined;
  readonly model?: string | undefined;
  readonly address?: string | undefined;
}

/** Enough for a room: of thirty Pis, two end alike in one case of 150, and then both are named. */
const PI_CODE_DIGITS = 4;

const MAC_PATTERN = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;

/** The key that a sighting gives: the serial's low word before the MAC; undefined when it has neither. */
export function piKeyOf({ serial, mac }: PiSighting): string | undefined {
  const digits = serial?.toLowerCase();
  if (digits !== undefined && /^[0-9a-f]{8,16}$/.test(digits) && !/^0+$/.test(digits.slice(-8)))
    return digits.slice(-8);
  const address = mac?.toLowerCase().replaceAll("-", ":");
  return address !== undefined && MAC_PATTERN.test(address) ? address : undefined;
}

/** The short code by which people tell a Pi's screen from its neighbour's: the end of its key. The shim makes the same. */
export function piCode(key: string): string {
  return key.replaceAll(":", "").slice(-PI_CODE_DIGITS).toUpperCase();
}

/** Reads what a person types for a Pi: 8 to 16 hex digits of a serial, or a MAC with colons or dashes. */
export function parsePiKey(text: string): string | undefined {
  return piKeyOf({ serial: text }) ?? piKeyOf({ mac: text });
}
