/**
 * A FAT12, FAT16 or FAT32 file system on a part of a disk: small files read and written, folders made.
 * Nothing is assumed of what stands there: chains are followed no further than the file system is large, and whatever
 * contradicts itself throws FatError. What is written is in place when the call returns: data, then FAT, then folder.
 */
import type { Layer } from "../layer.ts";
import {
  BOOT_SECTOR_BYTES,
  type FatGeometry,
  type FatKind,
  INFO,
  INFO_LEAD,
  INFO_STRUCTURE,
  decodeBootSector,
} from "./boot-sector.ts";
import { FatError } from "./fat-error.ts";
import {
  ENTRY_BYTES,
  type FolderEntry,
  encodeDots,
  encodeEntry,
  erase,
  findRoom,
  putContent,
  readEntries,
} from "./folder.ts";
import { checkName, isSameName } from "./names.ts";
import { FIRST_CLUSTER, FatTable } from "./table.ts";

/** The table of a FAT32 of 256 GiB in clusters of 64 KiB; boot partitions have one of a few hundred KiB. */
const MAX_FAT_BYTES = 16 * 1024 * 1024;
/** A kernel with its initramfs, which is held in memory whole; configuration files are small. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** The specification's own limit: 65,536 entries. */
const MAX_FOLDER_BYTES = 65_536 * ENTRY_BYTES;
const MAX_DEPTH = 16;

interface Folder {
  readonly bytes: Uint8Array;
  /** Empty for the fixed root folder. */
  readonly clusters: readonly number[];
}

export class FatVolume {
  readonly #disk: Layer;
  readonly #offset: number;
  readonly #geometry: FatGeometry;
  readonly #table: FatTable;
  readonly #now: () => Date;

  private constructor(disk: Layer, offset: number, geometry: FatGeometry, table: FatTable, now: () => Date) {
    this.#disk = disk;
    this.#offset = offset;
    this.#geometry = geometry;
    this.#table = table;
    this.#now = now;
  }

  /** Opens what begins at `offsetBytes`. Throws FatError, or the disk's own error. */
  static async open(
    disk: Layer,
    offsetBytes: number,
    sizeBytes: number,
    now: () => Date = () => new Date(),
  ): Promise<FatVolume> {
    if (sizeBytes < BOOT_SECTOR_BYTES) throw new FatError("not-fat", "there is no FAT file system");
    const sector = new Uint8Array(BOOT_SECTOR_BYTES);
    await disk.read(sector, offsetBytes);
    const geometry = decodeBootSector(sector, sizeBytes);
    if (geometry.fatBytes > MAX_FAT_BYTES)
      throw new FatError("too-large", `a FAT of ${geometry.fatBytes} bytes is more than ${MAX_FAT_BYTES}`);
    const fat = new Uint8Array(geometry.fatBytes);
    await disk.read(fat, offsetBytes + (geometry.fatOffsets[0] ?? 0));
    return new FatVolume(disk, offsetBytes, geometry, new FatTable(geometry, fat), now);
  }

  get kind(): FatKind {
    return this.#geometry.kind;
  }

  /** Names in a folder, as they are written. `""` is the root. Throws when there is no such folder. */
  async list(
    path: string,
  ): Promise<{ readonly name: string; readonly isFolder: boolean; readonly sizeBytes: number }[]> {
    const folder = await this.#folderAt(partsOf(path));
    return readEntries(folder.bytes).map(({ name, isFolder, sizeBytes }) => ({ name, isFolder, sizeBytes }));
  }

  /** A file's content; undefined when there is none of that name (whatever its case). */
  async read(path: string): Promise<Uint8Array | undefined> {
    const { name, folder } = await this.#parentOf(path);
    const entry = folder && find(folder, name);
    if (!entry) return undefined;
    if (entry.isFolder) throw new FatError("path", `${path} is a folder`);
    if (entry.sizeBytes > MAX_FILE_BYTES)
      throw new FatError("too-large", `${path} has ${entry.sizeBytes} bytes`);
    if (entry.sizeBytes === 0) return new Uint8Array(0);
    const clusters = this.#table.chain(entry.cluster);
    const wanted = Math.ceil(entry.sizeBytes / this.#geometry.clusterBytes);
    if (clusters.length < wanted) throw new FatError("damaged", `${path} is shorter than its folder says`);
    return (await this.#readClusters(clusters.slice(0, wanted))).subarray(0, entry.sizeBytes);
  }

  /** Makes a file, or puts other content into the one that is there. Its folder must exist. */
  async write(path: string, content: Uint8Array): Promise<void> {
    if (content.length > MAX_FILE_BYTES)
      throw new FatError("too-large", `${path} would have ${content.length} bytes`);
    const { name, folder } = await this.#parentOf(path);
    if (!folder) throw new FatError("path", `the folder of ${path} does not exist`);
    checkName(name);
    const old = find(folder, name);
    if (old?.isFolder) throw new FatError("path", `${path} is a folder`);
    const oldClusters = old && old.cluster !== 0 ? this.#table.chain(old.cluster) : [];
    const clusters = this.#table.allocate(Math.ceil(content.length / this.#geometry.clusterBytes));
    const placed = { cluster: clusters[0] ?? 0, sizeBytes: content.length, modified: this.#now() };
    await this.#keepingFree(clusters, async () => {
      await this.#writeClusters(clusters, content);
      if (!old) return this.#addEntry(folder, { name, isFolder: false, ...placed });
      const at = old.at * ENTRY_BYTES;
      putContent(folder.bytes.subarray(at, at + ENTRY_BYTES), placed);
      this.#table.free(oldClusters);
      return this.#commit(folder);
    });
  }

  /** Makes a folder, unless it is there. Its parent must exist. */
  async makeFolder(path: string): Promise<void> {
    const { name, folder, cluster: parent } = await this.#parentOf(path);
    if (!folder) throw new FatError("path", `the folder of ${path} does not exist`);
    checkName(name);
    const there = find(folder, name);
    if (there?.isFolder) return;
    if (there) throw new FatError("path", `${path} is a file`);
    const [cluster = 0] = this.#table.allocate(1);
    const modified = this.#now();
    await this.#keepingFree([cluster], async () => {
      await this.#writeClusters([cluster], encodeDots(cluster, parent, modified));
      await this.#addEntry(folder, { name, isFolder: true, cluster, sizeBytes: 0, modified });
    });
  }

  /** Removes a file; false when there is none. Folders stay. */
  async remove(path: string): Promise<boolean> {
    const { name, folder } = await this.#parentOf(path);
    const entry = folder && find(folder, name);
    if (!folder || !entry) return false;
    if (entry.isFolder) throw new FatError("path", `${path} is a folder`);
    if (entry.cluster !== 0) this.#table.free(this.#table.chain(entry.cluster));
    erase(folder.bytes, entry);
    await this.#commit(folder);
    return true;
  }

  /** Gives clusters back when there is no place for what would hold them. */
  async #keepingFree(clusters: readonly number[], work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#table.free(clusters);
      throw error;
    }
  }

  async #addEntry(folder: Folder, entry: Parameters<typeof encodeEntry>[0]): Promise<void> {
    const encoded = encodeEntry(entry, readEntries(folder.bytes));
    const room = findRoom(folder.bytes, encoded.length / ENTRY_BYTES);
    const grown = room === undefined ? this.#grow(folder) : folder;
    const at = room ?? findRoom(grown.bytes, encoded.length / ENTRY_BYTES);
    if (at === undefined) throw new FatError("full", "the folder is full");
    grown.bytes.set(encoded, at * ENTRY_BYTES);
    await this.#commit(grown);
  }

  /** The larger folder is the caller's to fill and to commit. */
  #grow({ bytes, clusters }: Folder): Folder {
    const last = clusters.at(-1);
    if (last === undefined) throw new FatError("full", "the root folder is full");
    if (bytes.length + this.#geometry.clusterBytes > MAX_FOLDER_BYTES)
      throw new FatError("full", "the folder is full");
    // The longest name takes 21 entries, and the smallest cluster has 16.
    const more = this.#table.allocate(this.#geometry.clusterBytes < 1024 ? 2 : 1, last);
    const grown = new Uint8Array(bytes.length + more.length * this.#geometry.clusterBytes);
    grown.set(bytes);
    return { bytes: grown, clusters: [...clusters, ...more] };
  }

  async #parentOf(
    path: string,
  ): Promise<{ readonly name: string; readonly folder: Folder | undefined; readonly cluster: number }> {
    const parts = partsOf(path);
    const name = parts.pop();
    if (name === undefined) throw new FatError("path", "the root folder is no file");
    let folder = await this.#root();
    let cluster = 0;
    for (const part of parts) {
      const entry = find(folder, part);
      if (!entry?.isFolder) return { name, folder: undefined, cluster };
      ({ cluster } = entry);
      folder = await this.#folderOf(cluster);
    }
    return { name, folder, cluster };
  }

  async #folderAt(parts: readonly string[]): Promise<Folder> {
    let folder = await this.#root();
    for (const part of parts) {
      const entry = find(folder, part);
      if (!entry?.isFolder) throw new FatError("path", `there is no folder ${parts.join("/")}`);
      folder = await this.#folderOf(entry.cluster);
    }
    return folder;
  }

  async #root(): Promise<Folder> {
    const { root } = this.#geometry;
    if ("cluster" in root) return this.#folderOf(root.cluster);
    const bytes = new Uint8Array(root.bytes);
    await this.#disk.read(bytes, this.#offset + root.offset);
    return { bytes, clusters: [] };
  }

  async #folderOf(cluster: number): Promise<Folder> {
    const clusters = this.#table.chain(cluster);
    if (clusters.length * this.#geometry.clusterBytes > MAX_FOLDER_BYTES)
      throw new FatError("damaged", "a folder is longer than a folder can be");
    return { bytes: await this.#readClusters(clusters), clusters };
  }

  /** Writes the FAT's changes to its copies, the folder, and the count of free clusters. */
  async #commit(folder: Folder): Promise<void> {
    const { root, fatOffsets } = this.#geometry;
    for (const { at, bytes } of this.#table.takeChanges())
      for (const fat of fatOffsets) await this.#write(bytes, fat + at);
    if (folder.clusters.length > 0) await this.#writeClusters(folder.clusters, folder.bytes);
    else if ("offset" in root) await this.#write(folder.bytes, root.offset);
    await this.#writeInfo();
  }

  /** FAT32 only; a sector without its signatures is left alone. */
  async #writeInfo(): Promise<void> {
    const { infoOffset } = this.#geometry;
    if (infoOffset === undefined) return;
    const sector = new Uint8Array(BOOT_SECTOR_BYTES);
    await this.#disk.read(sector, this.#offset + infoOffset);
    const view = new DataView(sector.buffer);
    if (
      view.getUint32(INFO.lead, true) !== INFO_LEAD ||
      view.getUint32(INFO.structure, true) !== INFO_STRUCTURE
    )
      return;
    view.setUint32(INFO.free, this.#table.freeClusters, true);
    view.setUint32(INFO.next, this.#table.nextFree, true);
    await this.#write(sector, infoOffset);
  }

  async #readClusters(clusters: readonly number[]): Promise<Uint8Array> {
    const { clusterBytes } = this.#geometry;
    const bytes = new Uint8Array(clusters.length * clusterBytes);
    for (const [i, cluster] of clusters.entries())
      await this.#disk.read(bytes.subarray(i * clusterBytes, (i + 1) * clusterBytes), this.#at(cluster));
    return bytes;
  }

  /** The last cluster is filled with zeros. */
  async #writeClusters(clusters: readonly number[], content: Uint8Array): Promise<void> {
    const { clusterBytes } = this.#geometry;
    for (const [i, cluster] of clusters.entries()) {
      const bytes = new Uint8Array(clusterBytes);
      bytes.set(content.subarray(i * clusterBytes, (i + 1) * clusterBytes));
      await this.#write(bytes, this.#at(cluster) - this.#offset);
    }
  }

  async #write(bytes: Uint8Array, at: number): Promise<void> {
    await this.#disk.prepare?.(this.#offset + at, bytes.length);
    this.#disk.write(bytes, this.#offset + at);
  }

  #at(cluster: number): number {
    return this.#offset + this.#geometry.dataOffset + (cluster - FIRST_CLUSTER) * this.#geometry.clusterBytes;
  }
}

function partsOf(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "");
  if (parts.length > MAX_DEPTH) throw new FatError("path", `${path} is too deep`);
  return parts;
}

function find(folder: Folder, name: string): FolderEntry | undefined {
  return readEntries(folder.bytes).find((entry) => isSameName(entry.name, name) || isShort(entry, name));
}

function isShort({ short }: FolderEntry, name: string): boolean {
  return isSameName(
    name,
    `${short.slice(0, 8).trimEnd()}${short.slice(8).trim() === "" ? "" : "."}${short.slice(8).trimEnd()}`,
  );
}
