/** The bootstrap card as a disk: an MBR and one FAT32. The same files give the same bytes. */
import { createHash } from "node:crypto";
import { encodeMbr } from "../../disk/encode-mbr.ts";
import { fatBytesFor, formatFat32 } from "../../disk/fat/format.ts";
import type { Layer } from "../../disk/layer.ts";
import { regionDisk } from "../../disk/regions.ts";
import { byCodePoint } from "../support/sort.ts";

export const CARD_LABEL = "PINETBOOT";

const MIB = 2 ** 20;
/** Erase blocks of cards are 4 MiB at most; Raspberry Pi's own images begin there, too. */
const ALIGN_BYTES = 4 * MIB;
/** FAT32 needs 65,525 clusters, which are 32 MiB; this is twice that. */
const LEAST_BYTES = 64 * MIB;
/** Room for what a person adds: a WiFi file, a newer shim beside the old one. */
const ROOM_BYTES = 16 * MIB;
/** FAT32 by sector numbers. */
const PARTITION_TYPE = 0x0c;
/** Files have the same time on every card, so that equal cards are equal. */
const MODIFIED = new Date("2026-01-01T00:00:00Z");

/** Makes the disk of the files by their paths. It is read-only and lies in memory. Throws FatError. */
export function cardDisk(files: ReadonlyMap<string, Uint8Array>): Layer {
  const sorted = new Map([...files].toSorted(([a], [b]) => byCodePoint(a, b)));
  const id = identityOf(sorted);
  const wanted = Math.max(LEAST_BYTES, fatBytesFor(sorted) + ROOM_BYTES);
  const sizeBytes = Math.ceil(wanted / ALIGN_BYTES) * ALIGN_BYTES;
  const regions = formatFat32({
    offsetBytes: ALIGN_BYTES,
    sizeBytes,
    label: CARD_LABEL,
    volumeId: id.readUInt32LE(4),
    modified: MODIFIED,
    files: sorted,
  });
  const mbr = encodeMbr({
    type: PARTITION_TYPE,
    offsetBytes: ALIGN_BYTES,
    sizeBytes,
    diskId: id.readUInt32LE(0),
  });
  return regionDisk(ALIGN_BYTES + sizeBytes, [{ offset: 0, bytes: mbr }, ...regions]);
}

/** Two cards with different content are different disks to Linux, which knows them by these numbers. */
function identityOf(files: ReadonlyMap<string, Uint8Array>): Buffer {
  const hash = createHash("sha256");
  for (const [path, content] of files) hash.update(`${path}\0${content.length}\0`).update(content);
  return hash.digest();
}
