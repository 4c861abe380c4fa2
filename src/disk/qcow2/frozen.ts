/** A qcow2 file of ours that is never written again: a snapshot, or an image layer. Any number may read it at a time. */
import { BadImage, DiskError } from "../disk-error.ts";
import { openHostFile, type HostFile } from "../host/file.ts";
import type { Layer } from "../layer.ts";
import { EntryError } from "./entries.ts";
import { HeaderError } from "./header.ts";
import { Mapping, readL1Table } from "./mapping.ts";
import { MappedDisk } from "./mapped-disk.ts";
import { checkBacking, checkDepth, readHeader, type OpenOptions } from "./open.ts";
import { CLUSTER_BYTES } from "./units.ts";

/**
 * Opens an overlay for reading alone; nothing of the file changes. It takes over the backing layer, as `openOverlay` does.
 * Throws `BadImage` for what is no overlay, is damaged or names another backing file, and a `DiskError` "EUNCLEAN" for
 * one that was not closed properly: `mendOverlay` first.
 */
export async function openFrozen(path: string, options: OpenOptions = {}): Promise<Layer> {
  try {
    return await openNow(path, options);
  } catch (error) {
    await options.backing?.layer.close();
    throw error;
  }
}

async function openNow(path: string, options: OpenOptions): Promise<Layer> {
  const file = openHostFile(path, "read-only");
  try {
    const header = await readHeader(file);
    checkBacking(header, options, path);
    checkDepth(options);
    if (header.dirty) throw new DiskError("EUNCLEAN", `${path}: it was not closed properly`);
    const end = Math.ceil(file.sizeBytes() / CLUSTER_BYTES);
    const tables = await readL1Table(file, header.l1Offset, header.l1Entries, end);
    const mapping = new Mapping(file, header.l1Offset, tables, () => end);
    return new Frozen(file, mapping, options.backing?.layer, header.sizeBytes);
  } catch (error) {
    file.close();
    if (error instanceof HeaderError || error instanceof EntryError) throw new BadImage(path, error.message);
    throw error;
  }
}

class Frozen extends MappedDisk {
  readonly readOnly = true;

  constructor(
    file: HostFile,
    private readonly mapping: Mapping,
    backing: Layer | undefined,
    sizeBytes: number,
  ) {
    super(file, mapping, backing, sizeBytes);
  }

  write(): void {
    throw new DiskError("EROFS", `${this.file.path}: the layer is read-only`);
  }

  discard(): void {
    this.write();
  }

  async flush(): Promise<void> {
    await Promise.resolve();
  }

  async close(): Promise<void> {
    this.mapping.forget();
    this.file.close();
    await this.backing?.close();
  }
}
