/** The record of a session: everything that identifies a disk to its initiator, kept until the session is removed. */
import type { SessionIdentity } from "../ids.ts";

export interface SessionLun {
  readonly lun: number;
  /** Id of the image under the overlay, or "blank". */
  readonly image: string;
  readonly sizeBytes: number;
  /** File name under `overlays/`. */
  readonly overlay: string;
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
}

/** The name of an image that is none: a disk of zeros of any size. */
export const BLANK = "blank";
