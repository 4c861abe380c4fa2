/** Amounts as the API takes them, in the units that the appliance counts in. */
import { parseSize } from "../appliance/index.ts";

/** "1G" or bytes, in bytes; nothing stays nothing. Throws "bad-request". */
export function bytesOf(size: string | number | undefined): number | undefined {
  return size === undefined ? undefined : parseSize(String(size));
}

export function msOf(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}
