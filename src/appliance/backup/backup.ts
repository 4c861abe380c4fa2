/** A whole data folder as one file, and back. Nobody else works on the folder meanwhile: its lock sees to that. */
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { Database } from "bun:sqlite";
import { openHostFile, syncDirectory } from "../../disk/host/file.ts";
import { openAppliance } from "../appliance.ts";
import { exportError } from "../copies/jobs.ts";
import { ApplianceError, errnoOf, wordsOf } from "../errors.ts";
import { folderPaths } from "../state/folder.ts";
import { SCHEMA_VERSION } from "../state/schema.ts";
import { giveToCaller, giveTreeToCaller, makeFolder } from "../system/caller.ts";
import { ARCHIVE_NAME, ArchiveReader } from "./archive-reader.ts";
import { ArchiveWriter } from "./archive-writer.ts";
import { BACKUP_VERSION, MANIFEST_NAME, ManifestSchema, SUMS_NAME, SumsSchema } from "./manifest.ts";
import { TarError } from "./tar-header.ts";

export interface BackupOptions {
  readonly dataFolder: string;
  readonly path: string;
  /** Replace a file that is there, once the new one is whole. */
  readonly replace?: boolean;
  readonly onProgress?: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void;
}

export interface BackupResult {
  readonly files: number;
  /** Size of the archive. */
  readonly sizeBytes: number;
  /** Files of the folder that are none of ours and were left out. */
  readonly leftOut: readonly string[];
}

/**
 * Writes the folder into one archive. Refused ("data-folder-locked") while a server runs on it. What a killed server
 * left open is mended first, so that every disk in the archive is whole.
 */
export async function backupFolder(options: BackupOptions): Promise<BackupResult> {
  const { dataFolder, path, replace = false } = options;
  const paths = folderPaths(dataFolder);
  if (!existsSync(paths.database))
    throw new ApplianceError("not-found", `There is no data folder ${dataFolder}`, "Name it with --data.");
  if (!replace && existsSync(path))
    throw new ApplianceError(
      "already-exists",
      `${path} is there already`,
      "Choose another name, or --force.",
    );
  const within = relative(dataFolder, path);
  if (within === "" || !(within.startsWith("..") || within.startsWith(sep)))
    throw new ApplianceError(
      "bad-request",
      "A backup cannot lie in the folder that it is of",
      "Choose another place.",
    );
  const appliance = await openAppliance({ dataFolder, purpose: "pinetboot backup" });
  try {
    await appliance.sessions.mend();
    // All of the state is in the one file then; nobody writes to it while the folder is ours.
    appliance.database.sqlite.run("PRAGMA wal_checkpoint(TRUNCATE)");
    return await writeArchive(options);
  } finally {
    await appliance.close();
  }
}

async function writeArchive({ dataFolder, path, onProgress }: BackupOptions): Promise<BackupResult> {
  const unfinished = `${path}.unfinished`;
  try {
    const file = openHostFile(unfinished, "replace");
    try {
      const { files, leftOut } = await filesOf(dataFolder);
      const totalBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
      let doneBytes = 0;
      const writer = new ArchiveWriter(file, (bytes) => {
        doneBytes += bytes;
        onProgress?.({ doneBytes, totalBytes });
      });
      const manifest = {
        version: BACKUP_VERSION,
        schema: SCHEMA_VERSION,
        created_at: new Date().toISOString(),
      };
      writer.addBytes(MANIFEST_NAME, Buffer.from(`${JSON.stringify(manifest)}\n`));
      for (const { name } of files) await writer.addFile(name, join(dataFolder, name));
      writer.addBytes(SUMS_NAME, Buffer.from(`${JSON.stringify(Object.fromEntries(writer.sums))}\n`));
      await writer.finish();
      await rename(unfinished, path);
      await syncDirectory(dirname(path));
      giveToCaller(path);
      return { files: files.length, sizeBytes: writer.writtenBytes, leftOut };
    } finally {
      file.close();
    }
  } catch (error) {
    await rm(unfinished, { force: true });
    throw exportError(error, path);
  }
}

/** What goes into a backup: every file of ours, the records before the disks. Sockets, locks and unfinished files do not. */
async function filesOf(dataFolder: string): Promise<{
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  readonly leftOut: readonly string[];
}> {
  const { lock, socket, database } = folderPaths(dataFolder);
  const skipped = new Set([lock, socket, `${database}-wal`, `${database}-shm`]);
  const leftOut: string[] = [];
  const files: { name: string; bytes: number }[] = [];
  for (const entry of await readdir(dataFolder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(dataFolder, path).replaceAll(sep, "/");
    // Names that begin with a dot are what an import or a login has not finished.
    if (!entry.isFile() || skipped.has(path) || name.split("/").some((part) => part.startsWith(".")))
      continue;
    if (ARCHIVE_NAME.test(name)) files.push({ name, bytes: Bun.file(path).size });
    else leftOut.push(name);
  }
  return { files: files.toSorted((a, b) => a.name.localeCompare(b.name)), leftOut };
}

export interface RestoreOptions {
  readonly path: string;
  /** Must not be there, or be empty. */
  readonly dataFolder: string;
  readonly onProgress?: BackupOptions["onProgress"];
}

/**
 * Unpacks a backup into a folder that is not there yet. Every sum is checked, and the folder gets its name only when all
 * of it is there; a kill leaves at most `FOLDER.restoring`, which the next restore clears away.
 */
export async function restoreFolder(options: RestoreOptions): Promise<{ readonly files: number }> {
  const { path, dataFolder } = options;
  if (!(await isAbsentOrEmpty(dataFolder)))
    throw new ApplianceError(
      "already-exists",
      `${dataFolder} is not empty`,
      "Restore into another folder with --data, or move that one away.",
    );
  const staging = `${dataFolder}.restoring`;
  await rm(staging, { recursive: true, force: true });
  makeFolder(dirname(dataFolder));
  try {
    await mkdir(staging, { mode: 0o700 });
    const files = await unpackAll(options, staging);
    checkDatabase(folderPaths(staging).database);
    await giveTreeToCaller(staging);
    if (existsSync(dataFolder)) await rmdir(dataFolder);
    await rename(staging, dataFolder);
    await syncDirectory(dirname(dataFolder));
    return { files };
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    if (error instanceof TarError)
      throw new ApplianceError("bad-request", `${path} cannot be restored: ${error.message}`, undefined, {
        cause: error,
      });
    throw error;
  }
}

async function unpackAll({ path, onProgress }: RestoreOptions, staging: string): Promise<number> {
  const archive = openArchive(path);
  try {
    const reader = new ArchiveReader(archive);
    const totalBytes = archive.sizeBytes();
    const first = await reader.next();
    if (first?.name !== MANIFEST_NAME) throw new TarError("this is no backup of pinetboot");
    checkManifest(parsed(await reader.bytes(first)), path);
    const sums = new Map<string, string>();
    for (let entry = await reader.next(); entry; entry = await reader.next()) {
      if (entry.name === SUMS_NAME) {
        compareSums(sums, parsed(await reader.bytes(entry)));
        return sums.size;
      }
      const target = join(staging, entry.name);
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      sums.set(entry.name, await reader.unpack(entry, target));
      if (target.endsWith(".img")) await chmod(target, 0o444);
      onProgress?.({ doneBytes: reader.doneBytes, totalBytes });
    }
    throw new TarError("the archive is cut off");
  } finally {
    archive.close();
  }
}

function openArchive(path: string) {
  try {
    return openHostFile(path, "read-only");
  } catch (error) {
    throw new ApplianceError("bad-request", `The backup cannot be read: ${wordsOf(error)}`, undefined, {
      cause: error,
    });
  }
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    throw new TarError("the archive is damaged");
  }
}

function checkManifest(value: unknown, path: string): void {
  const manifest = ManifestSchema.safeParse(value);
  if (!manifest.success) throw new TarError("this is no backup of pinetboot");
  if (manifest.data.version > BACKUP_VERSION || manifest.data.schema > SCHEMA_VERSION)
    throw new ApplianceError(
      "data-folder-newer",
      `${path} was written by a newer pinetboot`,
      "Restore it with that newer pinetboot.",
    );
}

function compareSums(found: ReadonlyMap<string, string>, value: unknown): void {
  const said = SumsSchema.safeParse(value);
  if (!said.success) throw new TarError("the archive is damaged");
  const wanted = new Map(Object.entries(said.data));
  for (const [name, sum] of wanted)
    if (found.get(name) !== sum) throw new TarError(`${name} in the archive is damaged`);
  if (found.size !== wanted.size) throw new TarError("the archive holds more than its sums say");
}

function checkDatabase(path: string): void {
  if (!existsSync(path)) throw new TarError("the archive has no pinetboot.db");
  const database = new Database(path, { readonly: true });
  try {
    const row = database.query<{ integrity_check: string }, []>("PRAGMA integrity_check").get();
    if (row?.integrity_check !== "ok") throw new TarError("pinetboot.db in the archive is damaged");
  } finally {
    database.close();
  }
}

async function isAbsentOrEmpty(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).length === 0;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return true;
    throw error;
  }
}
