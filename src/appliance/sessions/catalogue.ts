/**
 * What lies beneath the sessions' overlays, in SQLite: frozen layers with their parents, snapshots, and the files that
 * are to go. A layer's row goes when nothing refers to it any more; the database itself refuses to let a needed one go.
 *
 *   image <- layer <- layer <- overlay of a session
 *               ^--- a snapshot's name
 *
 * The order that makes every change safe from a kill and from a loss of power:
 *   1. The name of a new file is noted as leaving, then the file is made and synced.
 *   2. One transaction puts records on the new files and notes the old ones as leaving.
 *   3. The database is synced; only then files that are still noted as leaving, and that nothing refers to, are removed.
 */
import type { Database } from "bun:sqlite";

/** A file under `overlays/` that is never written again. */
export interface LayerRecord {
  readonly file: string;
  /** The layer beneath it; null lies over the image itself. */
  readonly parent: string | null;
  readonly image: string;
  readonly sizeBytes: number;
  readonly createdAt: number;
}

export interface Snapshot {
  readonly id: string;
  readonly session: string;
  readonly name: string;
  /** Taken while an initiator was logged in: what a computer finds after a sudden loss of power. */
  readonly live: boolean;
  readonly createdAt: number;
  /** What each disk of the session lay over; null is the image itself. */
  readonly luns: readonly { readonly lun: number; readonly layer: string | null }[];
}

interface LayerRow {
  file: string;
  parent: string | null;
  image: string;
  size_bytes: number;
  created_at: number;
}

interface SnapshotRow {
  id: string;
  session_id: string;
  name: string;
  live: number;
  created_at: number;
}

export class Catalogue {
  readonly #sqlite: Database;

  constructor(sqlite: Database) {
    this.#sqlite = sqlite;
  }

  /** Every layer, in no order. */
  layers(): readonly LayerRecord[] {
    return this.#sqlite.query<LayerRow, []>("SELECT * FROM layers").all().map(layerOf);
  }

  /** The layers from the one on the image up to `file`; none for null. Throws when one is missing. */
  chain(file: string | null): readonly LayerRecord[] {
    const chain: LayerRecord[] = [];
    const find = this.#sqlite.query<LayerRow, [string]>("SELECT * FROM layers WHERE file = ?");
    for (let next = file; next !== null;) {
      const row = find.get(next);
      if (!row) throw new Error(`the layer ${next} has no record`);
      chain.unshift(layerOf(row));
      next = row.parent;
    }
    return chain;
  }

  addLayer({ file, parent, image, sizeBytes, createdAt }: LayerRecord): void {
    this.#sqlite
      .query("INSERT INTO layers (file, parent, image, size_bytes, created_at) VALUES (?, ?, ?, ?, ?)")
      .run(file, parent, image, sizeBytes, createdAt);
  }

  /** The snapshots of a session, oldest first; of every session without one. */
  snapshots(session?: string): readonly Snapshot[] {
    const rows =
      session === undefined
        ? this.#sqlite.query<SnapshotRow, []>("SELECT * FROM snapshots ORDER BY created_at, rowid").all()
        : this.#sqlite
            .query<SnapshotRow, [string]>(
              "SELECT * FROM snapshots WHERE session_id = ? ORDER BY created_at, rowid",
            )
            .all(session);
    const luns = this.#sqlite.query<{ lun: number; layer: string | null }, [string]>(
      "SELECT lun, layer FROM snapshot_luns WHERE snapshot_id = ? ORDER BY lun",
    );
    return rows.map((row) => ({
      id: row.id,
      session: row.session_id,
      name: row.name,
      live: row.live !== 0,
      createdAt: row.created_at,
      luns: luns.all(row.id).map(({ lun, layer }) => ({ lun, layer })),
    }));
  }

  addSnapshot({ id, session, name, live, createdAt, luns }: Snapshot): void {
    this.#sqlite
      .query("INSERT INTO snapshots (id, session_id, name, live, created_at) VALUES (?, ?, ?, ?, ?)")
      .run(id, session, name, Number(live), createdAt);
    const insert = this.#sqlite.query("INSERT INTO snapshot_luns (snapshot_id, lun, layer) VALUES (?, ?, ?)");
    for (const { lun, layer } of luns) insert.run(id, lun, layer);
  }

  /** Removes a snapshot and the layers that only it needed, all of it or nothing. */
  removeSnapshot(id: string): void {
    this.#sqlite.transaction(() => {
      this.#sqlite.query("DELETE FROM snapshots WHERE id = ?").run(id);
      this.dropUnused();
    })();
  }

  /** Takes away the rows of layers that nothing refers to and notes their files as leaving. Belongs into a transaction. */
  dropUnused(): void {
    const drop = this.#sqlite.query<{ file: string }, []>(
      `DELETE FROM layers WHERE file NOT IN (SELECT layer FROM luns WHERE layer IS NOT NULL)
         AND file NOT IN (SELECT layer FROM snapshot_luns WHERE layer IS NOT NULL)
         AND file NOT IN (SELECT parent FROM layers WHERE parent IS NOT NULL) RETURNING file`,
    );
    // The parent of a dropped layer may be free only now.
    for (let files = drop.all(); files.length > 0; files = drop.all())
      for (const { file } of files) this.noteLeaving(file);
  }

  /** Notes a file that goes unless something refers to it: a new one before it is made, an old one with its last reference. */
  noteLeaving(file: string): void {
    this.#sqlite.query("INSERT OR IGNORE INTO leaving (file) VALUES (?)").run(file);
  }

  /** The files that are to go: noted as leaving and not referred to. */
  leaving(): readonly string[] {
    return this.#sqlite
      .query<{ file: string }, []>(
        "SELECT file FROM leaving WHERE file NOT IN (SELECT file FROM layers) AND file NOT IN (SELECT overlay FROM luns)",
      )
      .all()
      .map(({ file }) => file);
  }

  /** Forgets a file that was noted as leaving: it is gone, or it came to be needed. */
  forgetLeaving(file: string): void {
    this.#sqlite.query("DELETE FROM leaving WHERE file = ?").run(file);
  }

  /** Every file under `overlays/` that a session or a layer needs. */
  needed(): ReadonlySet<string> {
    return new Set(
      this.#sqlite
        .query<{ file: string }, []>("SELECT file FROM layers UNION SELECT overlay AS file FROM luns")
        .all()
        .map(({ file }) => file),
    );
  }
}

function layerOf(row: LayerRow): LayerRecord {
  return {
    file: row.file,
    parent: row.parent,
    image: row.image,
    sizeBytes: row.size_bytes,
    createdAt: row.created_at,
  };
}
