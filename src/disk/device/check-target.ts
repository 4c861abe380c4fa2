/** Which disks may be overwritten with a card's content. */
import type { BlockDevice } from "./block-device.ts";
import { DeviceRefusal } from "./device-refusal.ts";

/** Larger ones are rarely cards for a Pi, and often somebody's backup. */
export const LARGEST_CARD_BYTES = 256 * 2 ** 30;

/** Where a running system has what it needs; a swap is one, too. */
const SYSTEM_FOLDERS = new Set([
  "/",
  "/boot",
  "/boot/efi",
  "/boot/firmware",
  "/efi",
  "/usr",
  "/var",
  "/home",
  "/nix",
]);

export interface TargetRules {
  /** What is to be written. */
  readonly sizeBytes: number;
  /** The person insists on a disk that is not removable, or large. */
  readonly anyDisk: boolean;
}

/** Throws DeviceRefusal; nothing lets a disk in use pass. */
export function checkTarget(disk: BlockDevice, { sizeBytes, anyDisk }: TargetRules): void {
  const { path, uses } = disk;
  const system = uses.find(({ kind, where }) => kind === "swap" || SYSTEM_FOLDERS.has(where));
  if (system)
    throw new DeviceRefusal(
      "system-disk",
      `${path} is a disk that this computer runs from (${system.device}: ${system.where})`,
      "lsblk shows the disks of this computer: name the card.",
    );
  const mounts = uses.filter(({ kind }) => kind === "mount");
  const [mount] = mounts;
  if (mount)
    throw new DeviceRefusal(
      "in-use",
      `${path} is in use: ${mount.device} is mounted at ${mount.where}`,
      `If nothing on it is needed any more: sudo umount ${mounts.map(({ where }) => quoted(where)).join(" ")}`,
    );
  const [held] = uses;
  if (held)
    throw new DeviceRefusal(
      "in-use",
      `${path} is in use: ${held.device} belongs to ${held.where}`,
      "Stop what holds it (LVM, RAID, encryption), or name another disk.",
    );
  if (disk.sizeBytes === 0)
    throw new DeviceRefusal("too-small", `there is no card in ${path}`, "Put one in and try again.");
  if (disk.readOnly)
    throw new DeviceRefusal(
      "read-only",
      `${path} is write-protected`,
      "Look at the small switch on the card's side.",
    );
  if (disk.sizeBytes < sizeBytes)
    throw new DeviceRefusal(
      "too-small",
      `${path} has ${disk.sizeBytes} bytes, and ${sizeBytes} are needed`,
      "Take a larger card.",
    );
  const odd = disk.removable
    ? disk.sizeBytes > LARGEST_CARD_BYTES && "is larger than a card for a Pi usually is"
    : "is not removable as a card or a stick is";
  if (odd && !anyDisk)
    throw new DeviceRefusal(
      "unlikely",
      `${path}${disk.model && ` (${disk.model})`} ${odd}`,
      "If it is the right one nevertheless: --any-disk",
    );
}

function quoted(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
