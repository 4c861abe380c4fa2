/** Mends an overlay that nobody has open after an unclean end. */
import { BadImage } from "../disk-error.ts";
import { bootId } from "../host/boot-id.ts";
import { openHostFile, type HostFile } from "../host/file.ts";
import { EntryError } from "./entries.ts";
import { FieldError } from "./fields.ts";
import { encodeHeader, HeaderError } from "./header.ts";
import { checkBackingName, hostFiles, readHeader, recover } from "./open.ts";
import { removeJournal } from "./journal.ts";
import type { Recovery } from "./recover.ts";

/**
 * Mends an overlay as opening it would, and leaves it closed. A clean one is not touched.
 * Throws `BadImage` for what is no overlay, is damaged or lies over another file than `backing`.
 */
export async function mendOverlay(path: string, backing: string | undefined): Promise<Recovery> {
  return changing(path, async (file) => {
    const header = await readHeader(file);
    checkBackingName(header, backing, path);
    if (!header.dirty) {
      // A kill between the clean mark and the end of a closing leaves a journal that nobody needs.
      removeJournal(path);
      return { kind: "clean" };
    }
    const recovery = await recover({ ...hostFiles(path, file), bootId: bootId() }, header);
    file.write(encodeHeader({ ...header, dirty: false, owner: undefined }), 0);
    await file.sync();
    removeJournal(path);
    return recovery;
  });
}

async function changing<T>(path: string, change: (file: HostFile) => Promise<T>): Promise<T> {
  const file = openHostFile(path, "read-write");
  try {
    return await change(file);
  } catch (error) {
    if (error instanceof HeaderError || error instanceof EntryError || error instanceof FieldError)
      throw new BadImage(path, error.message);
    throw error;
  } finally {
    file.close();
  }
}
