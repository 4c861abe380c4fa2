/** The record of a session: everything that identifies a disk to its initiator, kept until the session is removed. */
import type { SessionIdentity } from "../ids.ts";

export interface SessionLun {
  readonly lun: number;
  /** Id of the image under the overlay, or "blank". */
  readonly image: string;
  readonly sizeBytes: number;
  /** File name under `overlays/` of what is written to. It is made at the first login. */
  readonly overlay: string;
  /** File name of the frozen layer that the overlay lies over; null lies over the image itself. */
  readonly layer: string | null;
  /** The overlay was made: from then on its absence is a loss, never a fresh disk. */
  readonly made: boolean;
}

export interface SessionRecord extends SessionIdentity {
  readonly luns: readonly SessionLun[];
  /** False: what is written is thrown away by a new boot, or by a clean logout and the grace after it. */
  readonly persistent: boolean;
  /** Key of the Pi that it belongs to; null for one made by the API. */
  readonly pi: string | null;
  /** The Pi's kernel boot id at its last boot; a new one resets an ephemeral session. */
  readonly bootId: string | null;
  /** When the last initiator left by a clean logout; null while one is logged in or after a broken connection. */
  readonly loggedOutAt: number | null;
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** Unix milliseconds; null lives until it is removed. */
  readonly expiresAt: number | null;
  /** How long it lives from its making and from every waking; null for ever. */
  readonly ttlMs: number | null;
  /** Since when it sleeps: its time was over and nobody was logged in. A login wakes it. */
  readonly suspendedAt: number | null;
  /** How long it may sleep before it is removed with its content. */
  readonly evictAfterMs: number;
  /** What its overlays and layers may take on the host's disk, in bytes; null as much as there is. */
  readonly quotaBytes: number | null;
  /** Id of the session that it was branched from. */
  readonly branchOf: string | null;
}

/** A suspended session is kept this long when nobody said another time. */
export const EVICT_AFTER_MS = 7 * 86_400_000;

/** The name of an image that is none: a disk of zeros of any size. */
export const BLANK = "blank";
