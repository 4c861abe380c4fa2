/** Files that nobody needs any more: noted in the catalogue, removed when the note is on stable storage. */
import { randomBytes } from "node:crypto";
import type { StateDatabase } from "../state/database.ts";
import type { Catalogue } from "./catalogue.ts";
import type { OverlayFolder } from "./overlay-folder.ts";
import type { SessionLun } from "./record.ts";
import type { SessionStore } from "./store.ts";

const NAME_BYTES = 5;
/** What we call the files of sessions; nothing else that lies in the folder is ever touched. */
const OUR_FILE = /^[a-z0-9]{10}(?:-\d+)?(?:\.[0-9a-f]{10})?\.qcow2$/;

export interface GarbageParts {
  readonly store: SessionStore;
  readonly catalogue: Catalogue;
  readonly folder: OverlayFolder;
  readonly database: StateDatabase;
}

export interface Orphan {
  readonly file: string;
  readonly allocatedBytes: number;
}

export class Garbage {
  readonly #parts: GarbageParts;
  /** Files in the hands of this process that the database does not speak of yet, or no more: how often each is held. */
  readonly #held = new Map<string, number>();
  #collecting: Promise<void> = Promise.resolve();

  constructor(parts: GarbageParts) {
    this.#parts = parts;
  }

  /** A name for the next overlay of a disk, which no file ever had. */
  newName(session: string, lun: number): string {
    return `${session}-${lun}.${randomBytes(NAME_BYTES).toString("hex")}.qcow2`;
  }

  /** The disks as they are when they begin anew over `layer`. */
  freshLun(session: string, lun: SessionLun, layer: string | null): SessionLun {
    return { ...lun, overlay: this.newName(session, lun.lun), layer, made: false };
  }

  /** Puts a session on fresh disks over their images; what was written goes. Nobody may have the disks open. */
  async freshDisks(id: string): Promise<void> {
    const { store, folder } = this.#parts;
    const luns = store.byId(id)?.luns ?? [];
    const touched = luns.filter(({ made, layer, overlay }) => made || layer !== null || folder.has(overlay));
    if (touched.length === 0) return;
    store.changeDisks(
      id,
      luns.map((lun) => (touched.includes(lun) ? this.freshLun(id, lun, null) : lun)),
      { after: () => this.noteUnused(touched) },
    );
    await this.collect();
  }

  /** Notes overlays as leaving, with every layer that nothing refers to any more. Belongs into a transaction. */
  noteUnused(luns: readonly SessionLun[]): void {
    for (const { overlay } of luns) this.#parts.catalogue.noteLeaving(overlay);
    this.#parts.catalogue.dropUnused();
  }

  /** Keeps files from being removed while `work` runs, whatever happens to their records. */
  async holding<T>(files: readonly string[], work: () => Promise<T>): Promise<T> {
    for (const file of files) this.#held.set(file, (this.#held.get(file) ?? 0) + 1);
    try {
      return await work();
    } finally {
      for (const file of files) {
        const count = (this.#held.get(file) ?? 1) - 1;
        if (count === 0) this.#held.delete(file);
        else this.#held.set(file, count);
      }
    }
  }

  /** Removes what is to go; on return all that happened in the database so far is on stable storage. */
  collect(): Promise<void> {
    const collected = this.#collecting.then(() => this.#collect());
    // The next one looks for itself.
    this.#collecting = collected.catch(() => undefined);
    return collected;
  }

  /** Files of ours under `overlays/` that no record speaks of: left behind by a kill, or by a database from a backup. */
  async orphans(): Promise<readonly Orphan[]> {
    const { catalogue, folder } = this.#parts;
    const needed = catalogue.needed();
    return (await folder.list())
      .filter((file) => OUR_FILE.test(file) && !needed.has(file) && !this.#held.has(file))
      .map((file) => ({ file, allocatedBytes: folder.allocatedBytes([file]) }));
  }

  /** Removes orphans; each is looked up once more. */
  async removeOrphans(orphans: readonly Orphan[]): Promise<void> {
    const { catalogue, database, folder } = this.#parts;
    // A file may be an orphan by a transaction that a loss of power would still undo.
    await database.syncToDisk();
    const needed = catalogue.needed();
    for (const { file } of orphans) if (!needed.has(file) && !this.#held.has(file)) await folder.remove(file);
    await folder.sync();
  }

  async #collect(): Promise<void> {
    const { catalogue, database, folder } = this.#parts;
    await database.syncToDisk();
    const going = catalogue.leaving().filter((file) => !this.#held.has(file));
    if (going.length === 0) return;
    for (const file of going) await folder.remove(file);
    await folder.sync();
    for (const file of going) catalogue.forgetLeaving(file);
  }
}
