/** Whether the disk has room for an import: said before the work, and seen while it goes on. */
import { statfsSync } from "node:fs";
import { ImageError } from "../image-error.ts";
import { RESERVE_BYTES, RESERVE_PART } from "./limits.ts";

/** Bytes that an import may still write into the folder. Throws the system's error. */
export function roomIn(folder: string): number {
  const { bavail, blocks, bsize } = statfsSync(folder);
  return bavail * bsize - Math.min(RESERVE_BYTES, blocks * bsize * RESERVE_PART);
}

/** Throws "no-space" when the folder's disk has less room than `neededBytes`, with both figures. */
export function checkRoom(folder: string, neededBytes: number, what: string): void {
  const room = roomIn(folder);
  if (neededBytes <= room) return;
  throw new ImageError(
    "no-space",
    `${what} needs ${mebibytes(neededBytes)} MiB on the disk of the image library, and ${mebibytes(Math.max(0, room))} MiB are free for it`,
    "Make room (pinetboot image list, pinetboot image remove NAME) and import again.",
  );
}

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
