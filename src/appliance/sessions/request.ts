/** What is asked of a session to be, and of one that is there. */
import { withNearName } from "../../images/near-name.ts";
import type { ImageLibrary } from "../../images/library.ts";
import { ApplianceError } from "../errors.ts";
import { formatSize } from "../sizes.ts";
import { BLANK, type SessionLun } from "./record.ts";

/** A disk of a session to be: an image, or blank with a size; a larger size than the image's grows the disk. */
export interface DiskRequest {
  /** Name, id, or "blank". */
  readonly image: string;
  readonly sizeBytes?: number | undefined;
}

export interface SessionRequest {
  readonly disks: readonly DiskRequest[];
  readonly ephemeral?: boolean | undefined;
  readonly ttlMs?: number | undefined;
  /** How long it may sleep once its time is over. Default: `EVICT_AFTER_MS`. */
  readonly evictAfterMs?: number | undefined;
  readonly quotaBytes?: number | null | undefined;
}

/** What may be changed in a session that is there; what is not given stays. */
export interface SessionSettings {
  readonly quotaBytes?: number | null | undefined;
  /** From now on; null takes the end away. */
  readonly ttlMs?: number | null | undefined;
  readonly evictAfterMs?: number | undefined;
  readonly ephemeral?: boolean | undefined;
}

/** One LUN a disk, and a person who wants more than this wants something else. */
const DISKS_PER_SESSION_MAX = 16;

/** The disks of a session with that id, none of them made yet. Throws in words for what cannot be. */
export function lunsOf(
  library: ImageLibrary,
  session: string,
  disks: readonly DiskRequest[],
): readonly SessionLun[] {
  if (disks.length === 0 || disks.length > DISKS_PER_SESSION_MAX)
    throw new ApplianceError("bad-request", `A session has 1 to ${DISKS_PER_SESSION_MAX} disks`);
  return disks.map((disk, lun) => {
    const overlay = lun === 0 ? `${session}.qcow2` : `${session}-${lun}.qcow2`;
    return { lun, ...contentOf(library, disk), overlay, layer: null, made: false };
  });
}

function contentOf(
  library: ImageLibrary,
  { image: wanted, sizeBytes }: DiskRequest,
): Pick<SessionLun, "image" | "sizeBytes"> {
  const image = library.find(wanted);
  if (!image)
    throw new ApplianceError(
      "not-found",
      `There is no image ${wanted}`,
      withNearName(wanted, library.names(), "pinetboot image list shows what there is."),
    );
  // A blank disk has whatever size is asked for; its own is only what it has when nobody asks.
  if (image.id === BLANK) return { image: BLANK, sizeBytes: sizeBytes ?? image.sizeBytes };
  const size = Math.max(sizeBytes ?? 0, image.sizeBytes);
  if (sizeBytes !== undefined && sizeBytes < image.sizeBytes)
    throw new ApplianceError(
      "bad-request",
      `The image ${wanted} has ${formatSize(image.sizeBytes)}, which does not fit ${formatSize(sizeBytes)}`,
      "Leave the size away, or give a larger one.",
    );
  return { image: image.id, sizeBytes: size };
}
