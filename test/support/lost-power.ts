/** Makes the files of a killed server look as after a loss of power of its computer, without one. */
import { openHostFile } from "../../src/disk/host/file.ts";
import { decodeHeader, encodeHeader, HEADER_AREA_BYTES } from "../../src/disk/qcow2/header.ts";

/**
 * Writes the boot id of another run of the computer into the header of an overlay that was left open: its journal is not
 * replayed then, so what was not flushed is lost, as it may be when the page cache is. Throws for one that was closed.
 */
export function loseOverlayPower(path: string): void {
  const file = openHostFile(path, "read-write");
  try {
    const area = new Uint8Array(HEADER_AREA_BYTES);
    file.readNow(area, 0);
    const header = decodeHeader(area, file.sizeBytes());
    if (!header.owner) throw new Error(`${path} was closed properly`);
    file.write(encodeHeader({ ...header, owner: { ...header.owner, bootId: "5".repeat(32) } }), 0);
  } finally {
    file.close();
  }
}
