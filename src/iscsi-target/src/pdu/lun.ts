/**
 * The eight-byte LUN of SAM-5 4.7.3, as far as a small target has use for it:
 * peripheral device addressing on bus 0 (00 LL) and flat space addressing (4L LL).
 */
import { getU16, setU16 } from "../wire/bytes.ts";

/** A LUN that this target cannot have: another bus, another level, another addressing method. */
export const NO_LUN = -1;
const MAX_PERIPHERAL_LUN = 0xff;

/** The number, or NO_LUN. */
export function decodeLun(bytes: Uint8Array, at: number): number {
  const first = getU16(bytes, at);
  const deeper = getU16(bytes, at + 2) | getU16(bytes, at + 4) | getU16(bytes, at + 6);
  if (deeper !== 0) return NO_LUN;
  if (first <= MAX_PERIPHERAL_LUN) return first;
  return first >>> 14 === 1 ? first & 0x3fff : NO_LUN;
}

export function encodeLun(lun: number, bytes: Uint8Array, at: number): void {
  bytes.fill(0, at, at + 8);
  setU16(bytes, at, lun <= MAX_PERIPHERAL_LUN ? lun : 0x4000 | lun);
}
