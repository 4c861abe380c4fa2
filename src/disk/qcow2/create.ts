/** Making and removing overlay files. */
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { openHostFile, syncDirectory, type HostFile } from "../host/file.ts";
import { encodeHeader, SECTOR_BYTES } from "./header.ts";
import { journalPath } from "./journal.ts";
import { CLUSTER_BYTES, L2_COVERS_BYTES, MAX_DISK_BYTES, REFCOUNT_BYTES } from "./units.ts";

/** The first clusters of a new file. All but a page of the first three is hole: a new overlay takes 12 KiB. */
const LAYOUT = { header: 0, refcountTable: 1, refcountBlock: 2, l1: 3 } as const;
const LAYOUT_CLUSTERS = 4;

export interface NewOverlay {
  /** Size of the disk that the guest sees: a multiple of 512, at most 16 TiB. */
  readonly sizeBytes: number;
  /** What lies beneath: `name` as seen from the overlay's folder (for `qemu-img`; this program compares it only). */
  readonly backing?: { readonly name: string; readonly format: "raw" | "qcow2" };
}

/**
 * Makes an empty overlay file; on return it is on stable storage. Throws a RangeError for an impossible size and a
 * `DiskError` ("EEXIST", "ENOSPC", ...) otherwise; no file is left behind then.
 */
export async function createOverlay(path: string, overlay: NewOverlay): Promise<void> {
  const file = openHostFile(path, "create");
  try {
    layOutOverlay(file, overlay);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    file.close();
  }
  await syncDirectory(dirname(path));
}

/** Writes the clusters that every overlay begins with into an empty file. */
export function layOutOverlay(file: HostFile, overlay: NewOverlay): void {
  const { sizeBytes, backing } = overlay;
  if (sizeBytes <= 0 || sizeBytes > MAX_DISK_BYTES || sizeBytes % SECTOR_BYTES !== 0) {
    throw new RangeError(`a disk cannot have ${sizeBytes} bytes: a multiple of 512 up to 16 TiB`);
  }
  file.truncate(LAYOUT_CLUSTERS * CLUSTER_BYTES);
  file.write(
    Uint8Array.from({ length: LAYOUT_CLUSTERS * REFCOUNT_BYTES }, (_, i) => i % REFCOUNT_BYTES),
    LAYOUT.refcountBlock * CLUSTER_BYTES,
  );
  const firstBlock = new Uint8Array(8);
  new DataView(firstBlock.buffer).setBigUint64(0, BigInt(LAYOUT.refcountBlock * CLUSTER_BYTES));
  file.write(firstBlock, LAYOUT.refcountTable * CLUSTER_BYTES);
  const header = encodeHeader({
    sizeBytes,
    l1Offset: LAYOUT.l1 * CLUSTER_BYTES,
    l1Entries: Math.ceil(sizeBytes / L2_COVERS_BYTES),
    refcountTableOffset: LAYOUT.refcountTable * CLUSTER_BYTES,
    refcountTableClusters: 1,
    backing,
    dirty: false,
    owner: undefined,
  });
  file.write(header, LAYOUT.header * CLUSTER_BYTES);
}

/** Removes an overlay that is not open, with the journal that an unclean end may have left beside it. Absent is fine. */
export async function removeOverlay(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(journalPath(path), { force: true });
}
