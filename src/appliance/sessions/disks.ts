/**
 * The open disks of sessions. A session's overlay is made at its first login, opened once however many connections
 * use it (multipath, or a relogin before the old connection is noticed dead), and closed when the last one leaves.
 *
 *   absent --login--> opening --> open (holders 1..n) --last leaves--> closing --> absent
 *                                    all of one session's steps run one after the other
 */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { createOverlay, removeOverlay } from "../../disk/qcow2/create.ts";
import { journalPath } from "../../disk/qcow2/journal.ts";
import { type LastEnd, lastEndOf } from "../../disk/qcow2/last-end.ts";
import { openOverlay } from "../../disk/qcow2/open.ts";
import type { Layer } from "../../disk/layer.ts";
import type { ImageLibrary } from "../../images/library.ts";
import { ApplianceError } from "../errors.ts";
import { BLANK, type SessionLun, type SessionRecord } from "./record.ts";

export interface OpenDisk {
  readonly lun: number;
  readonly layer: Layer;
}

/** What opening found out that a person may want to know: an unclean end was repaired. */
export type RecoveryListener = (session: SessionRecord, lun: number, words: string) => void;

interface Entry {
  disks: readonly OpenDisk[];
  holders: number;
}

export class SessionDisks {
  /**
   * Told how the disks of a session were left, the worst of them, before any is opened: what it decides by that must be
   * kept when it resolves, because opening makes them look clean. When it rejects nothing is opened.
   */
  onOpening: (session: SessionRecord, lastEnd: LastEnd) => Promise<void> = () => Promise.resolve();
  readonly #folder: string;
  readonly #library: ImageLibrary;
  readonly #onRecovery: RecoveryListener;
  readonly #open = new Map<string, Entry>();
  /** Per session, the end of the last step: the next one waits for it. */
  readonly #steps = new Map<string, Promise<unknown>>();

  constructor(folder: string, library: ImageLibrary, onRecovery: RecoveryListener) {
    this.#folder = folder;
    this.#library = library;
    this.#onRecovery = onRecovery;
  }

  /** True while anyone holds the session's disks. */
  isOpen(id: string): boolean {
    return this.#open.has(id);
  }

  /** Opens the session's disks, or joins those who have them open. Every call wants one `release`. */
  acquire(session: SessionRecord): Promise<readonly OpenDisk[]> {
    return this.#step(session.id, async () => {
      const entry = this.#open.get(session.id) ?? { disks: await this.#openAll(session), holders: 0 };
      this.#open.set(session.id, entry);
      entry.holders += 1;
      return entry.disks;
    });
  }

  /** Lets go. The last one flushes and closes; resolves to true then. */
  release(id: string): Promise<boolean> {
    return this.#step(id, async () => {
      const entry = this.#open.get(id);
      if (!entry) return false;
      entry.holders -= 1;
      if (entry.holders > 0) return false;
      this.#open.delete(id);
      await closeAll(entry.disks);
      return true;
    });
  }

  /** Throws away what was written: the next login begins with the image again. Throws "in-use" while a disk is open. */
  discard(session: SessionRecord): Promise<void> {
    return this.#step(session.id, async () => {
      if (this.#open.has(session.id))
        throw new ApplianceError("in-use", `Session ${session.id} is logged in`, "Log out first.");
      for (const { overlay } of session.luns) await removeOverlay(join(this.#folder, overlay));
    });
  }

  /** True for a session whose disk was open when the server was killed: what is to be mended is done at an opening. */
  wasLeftOpen(session: SessionRecord): boolean {
    return (
      !this.#open.has(session.id) &&
      session.luns.some(({ overlay }) => existsSync(journalPath(join(this.#folder, overlay))))
    );
  }

  /** What the session's overlays take on the host's disk, in bytes. */
  allocatedBytes(session: SessionRecord): number {
    const blocks = session.luns.map(
      ({ overlay }) => statSync(join(this.#folder, overlay), { throwIfNoEntry: false })?.blocks ?? 0,
    );
    return blocks.reduce((sum, count) => sum + count, 0) * 512;
  }

  /** Closes whatever is still open, at the end of the process. */
  async closeAll(): Promise<void> {
    await Promise.all(this.#steps.values());
    for (const { disks } of this.#open.values()) await closeAll(disks);
    this.#open.clear();
  }

  async #openAll(session: SessionRecord): Promise<readonly OpenDisk[]> {
    await this.onOpening(session, this.#lastEnd(session));
    const disks: OpenDisk[] = [];
    try {
      for (const lun of session.luns) disks.push({ lun: lun.lun, layer: await this.#openOne(session, lun) });
    } catch (error) {
      await closeAll(disks);
      throw error;
    }
    return disks;
  }

  #lastEnd({ luns }: SessionRecord): LastEnd {
    const paths = luns.map(({ overlay }) => join(this.#folder, overlay)).filter((path) => existsSync(path));
    const ends = new Set(paths.map(lastEndOf));
    return (["power-loss", "killed"] as const).find((end) => ends.has(end)) ?? "clean";
  }

  async #openOne(session: SessionRecord, { lun, image: id, overlay, sizeBytes }: SessionLun): Promise<Layer> {
    const path = join(this.#folder, overlay);
    const image = this.#library.find(id);
    if (!image)
      throw new ApplianceError(
        "not-found",
        `The image ${id} of session ${session.id} is not in the library`,
        "Import it again: the same content has the same id.",
      );
    const name = id === BLANK ? undefined : this.#library.backingName(image, this.#folder);
    if (!existsSync(path))
      await createOverlay(path, {
        sizeBytes,
        ...(name !== undefined && { backing: { name, format: "raw" as const } }),
      });
    const disk = await openOverlay(
      path,
      name === undefined ? {} : { backing: { name, layer: await this.#library.openBase(image.id) } },
    );
    if (disk.recovery.kind !== "clean")
      this.#onRecovery(
        session,
        lun,
        disk.recovery.kind === "killed"
          ? "The server had been killed: every acknowledged write was kept"
          : "The computer had stopped without closing this disk: what was flushed was kept",
      );
    return disk;
  }

  #step<T>(id: string, work: () => Promise<T>): Promise<T> {
    const before = this.#steps.get(id) ?? Promise.resolve();
    const step = before.then(work, work);
    const settled = step.then(
      () => undefined,
      // The caller of this step gets the error; the next step only waits for the end of it.
      () => undefined,
    );
    this.#steps.set(id, settled);
    void settled.then(() => {
      if (this.#steps.get(id) === settled) this.#steps.delete(id);
    });
    return step;
  }
}

async function closeAll(disks: readonly OpenDisk[]): Promise<void> {
  for (const { layer } of disks) await layer.close();
}
