/** Writes a disk's content to a file, sparse where it is zero; the file is whole or not there. */
import { rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { openHostFile, syncDirectory } from "../host/file.ts";
import type { Layer } from "../layer.ts";

const PIECE_BYTES = 2 ** 20;

/** Replaces what was there under the name. Throws the system's errors as `DiskError`. */
export async function writeImageFile(source: Layer, path: string): Promise<void> {
  const partial = join(dirname(path), `.${crypto.randomUUID()}.partial`);
  try {
    const file = openHostFile(partial, "create");
    try {
      file.truncate(source.sizeBytes);
      for (const { offset, length, kind } of source.extents(0, source.sizeBytes)) {
        if (kind !== "data") continue;
        for (let done = 0; done < length; done += PIECE_BYTES) {
          const bytes = new Uint8Array(Math.min(PIECE_BYTES, length - done));
          await source.read(bytes, offset + done);
          file.write(bytes, offset + done);
        }
      }
      await file.sync();
    } finally {
      file.close();
    }
    await rename(partial, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
