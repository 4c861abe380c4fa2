/** How the last opening of an overlay ended, told by its header alone, before anything is mended. */
import { bootId } from "../host/boot-id.ts";
import { openHostFile } from "../host/file.ts";
import { decodeHeader, HEADER_AREA_BYTES, HeaderError, type Qcow2Header } from "./header.ts";
import type { Recovery } from "./recover.ts";

export type LastEnd = Recovery["kind"];

/**
 * Reads how the overlay at `path`, which is not open, was left; nothing in the file is changed. "power-loss" means that
 * writes which were acknowledged and not flushed may be gone. A file whose header is refused counts as "clean": opening
 * it says why. Throws a `DiskError` when the host fails.
 */
export function lastEndOf(path: string): LastEnd {
  const file = openHostFile(path, "read-only");
  try {
    const area = new Uint8Array(HEADER_AREA_BYTES);
    file.readNow(area, 0);
    return endOf(decodeHeader(area, file.sizeBytes()), bootId());
  } catch (error) {
    if (error instanceof HeaderError) return "clean";
    throw error;
  } finally {
    file.close();
  }
}

/** The same from a header: the dirty bit says that nobody closed it, the boot id whether the machine ran on since. */
export function endOf(header: Qcow2Header, boot: string | undefined): LastEnd {
  if (!header.dirty) return "clean";
  return boot !== undefined && header.owner?.bootId === boot ? "killed" : "power-loss";
}
