/** The files under `overlays/`: made whole or not at all, and removed with their journals. */
import { existsSync, statSync } from "node:fs";
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory } from "../../disk/host/file.ts";
import { createOverlay, type NewOverlay, removeOverlay } from "../../disk/qcow2/create.ts";
import { lastEndOf } from "../../disk/qcow2/last-end.ts";
import { journalPath } from "../../disk/qcow2/journal.ts";
import { giveToCaller } from "../system/caller.ts";

/** An overlay that is not finished; nothing refers to it, and the next opening of the folder removes it. */
const UNFINISHED = ".unfinished-";
const STAT_BLOCK_BYTES = 512;

export class OverlayFolder {
  constructor(readonly path: string) {}

  /** Removes what a kill left unfinished. */
  async sweep(): Promise<void> {
    for (const name of await readdir(this.path))
      if (name.startsWith(UNFINISHED)) await rm(join(this.path, name), { force: true });
  }

  pathOf(file: string): string {
    return join(this.path, file);
  }

  has(file: string): boolean {
    return existsSync(this.pathOf(file));
  }

  /** Words that change when what is in the file does; one that is not there has its own. */
  versionOf(file: string): string {
    const found = statSync(this.pathOf(file), { throwIfNoEntry: false });
    return found ? `${found.ino.toString(36)}-${Math.round(found.mtimeMs * 1000).toString(36)}` : "new";
  }

  /** Left open by a server that was killed, or by a loss of power, which may take the name of the journal with it. */
  wasLeftOpen(file: string): boolean {
    const path = this.pathOf(file);
    return existsSync(path) && (existsSync(journalPath(path)) || lastEndOf(path) !== "clean");
  }

  /** What files take on the host's disk, in bytes; an absent one takes none. */
  allocatedBytes(files: Iterable<string>): number {
    let blocks = 0;
    for (const file of files) blocks += statSync(this.pathOf(file), { throwIfNoEntry: false })?.blocks ?? 0;
    return blocks * STAT_BLOCK_BYTES;
  }

  /**
   * Makes an overlay; on return it is on stable storage. `prepare` may write into it by its path, and must close it;
   * the file gets its name only after that, so a kill leaves a whole disk or none.
   */
  async make(
    file: string,
    overlay: NewOverlay,
    prepare: (path: string) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    const unfinished = this.pathOf(`${UNFINISHED}${file}`);
    await removeOverlay(unfinished);
    try {
      await createOverlay(unfinished, overlay);
      await prepare(unfinished);
      giveToCaller(unfinished);
      await rename(unfinished, this.pathOf(file));
    } catch (error) {
      await removeOverlay(unfinished);
      throw error;
    }
    await syncDirectory(this.path);
  }

  /** Removes a file and its journal; absent is fine. The removal is on stable storage after `sync`. */
  async remove(file: string): Promise<void> {
    await removeOverlay(this.pathOf(file));
  }

  sync(): Promise<void> {
    return syncDirectory(this.path);
  }

  /** The overlays and journals that lie there, whoever they belong to. */
  async list(): Promise<readonly string[]> {
    return (await readdir(this.path)).filter((name) => !name.startsWith(UNFINISHED));
  }
}
