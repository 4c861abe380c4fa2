/**
 * `pinetboot.db`: SQLite in WAL mode. A commit is a write to the page cache (`synchronous=NORMAL`), so the event loop
 * never waits for a disk; what must survive a power cut is synced by `syncToDisk`, and checkpoints run in a Worker.
 */
import { Database } from "bun:sqlite";
import { open } from "node:fs/promises";
import { statSync } from "node:fs";
import { workerUrl } from "../../disk/host/worker-url.ts";
import { ApplianceError, errnoOf } from "../errors.ts";
import { giveToCaller } from "../system/caller.ts";
import { MIGRATIONS, SCHEMA_VERSION } from "./schema.ts";

/** A log of this size is folded into the database; our state is some kilobytes, so this is days of leases. */
const CHECKPOINT_BYTES = 4 * 2 ** 20;

export class StateDatabase {
  readonly sqlite: Database;
  readonly #path: string;
  #checkpoint: Promise<void> | undefined;

  /**
   * Opens or makes the database and brings its schema up to date.
   * Throws ApplianceError "data-folder-newer" when a newer pinetboot wrote it.
   */
  constructor(path: string) {
    this.#path = path;
    this.sqlite = new Database(path, { create: true, strict: true });
    this.sqlite.run("PRAGMA journal_mode = WAL");
    this.sqlite.run("PRAGMA synchronous = NORMAL");
    this.sqlite.run("PRAGMA foreign_keys = ON");
    this.sqlite.run("PRAGMA wal_autocheckpoint = 0");
    try {
      this.#migrate();
    } catch (error) {
      this.sqlite.close();
      throw error;
    }
    for (const suffix of ["", "-wal", "-shm"]) giveToCaller(path + suffix);
  }

  /** Resolves once every commit so far would survive a power cut. */
  async syncToDisk(): Promise<void> {
    const log = await openIfThere(`${this.#path}-wal`);
    if (!log) return;
    try {
      await log.datasync();
    } finally {
      await log.close();
    }
  }

  /** Folds a long log into the database, in a Worker. Does nothing while the log is short. */
  async checkpointIfLong(): Promise<void> {
    const log = statSync(`${this.#path}-wal`, { throwIfNoEntry: false });
    if (!log || log.size < CHECKPOINT_BYTES) return;
    this.#checkpoint ??= runCheckpoint(this.#path).finally(() => {
      this.#checkpoint = undefined;
    });
    await this.#checkpoint;
  }

  async close(): Promise<void> {
    await this.#checkpoint;
    this.sqlite.close();
  }

  #migrate(): void {
    const version =
      this.sqlite.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
    if (version > SCHEMA_VERSION)
      throw new ApplianceError(
        "data-folder-newer",
        `${this.#path} was written by a newer pinetboot (schema ${version}, this one knows ${SCHEMA_VERSION})`,
        "Use that newer pinetboot, or choose another folder with --data.",
      );
    this.sqlite.transaction(() => {
      for (const [index, migration] of MIGRATIONS.entries()) if (index >= version) this.sqlite.run(migration);
      this.sqlite.run(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    })();
  }
}

async function openIfThere(path: string) {
  try {
    return await open(path, "r+");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function runCheckpoint(path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const worker = new Worker(workerUrl("src/appliance/state/checkpoint-worker.ts"));
  worker.addEventListener("message", () => resolve());
  worker.addEventListener("error", (event) => reject(new Error(event.message)));
  worker.postMessage(path, []);
  return promise.finally(() => worker.terminate());
}
