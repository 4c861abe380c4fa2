/**
 * A new FAT32 with files in it, as regions of a disk: nothing is copied, nothing stands on a real disk yet.
 * Microsoft's FAT specification 1.03; FAT32 because every Pi's first loader reads it, whatever the size.
 *
 *   | boot, info, -, ..., copy of boot (6) and info (7), - | FAT | FAT copy | root folder, folders, files one after another |
 */
import type { Region } from "../regions.ts";
import { BOOT_SECTOR_BYTES, encodeBootSector32, encodeInfoSector, FEWEST_FAT32 } from "./boot-sector.ts";
import { FatError } from "./fat-error.ts";
import { encodeDots, encodeEntry, encodeLabel, ENTRY_BYTES, readEntries } from "./folder.ts";
import { checkName, isSameName } from "./names.ts";
import { FIRST_CLUSTER } from "./table.ts";

const SECTOR_BYTES = BOOT_SECTOR_BYTES;
const RESERVED_SECTORS = 32;
const BACKUP_SECTOR = 6;
const FAT_COPIES = 2;
/** The medium's byte in the first entry, and "clean, no error" in the second. */
const FIRST_ENTRIES = [0x0ffffff8, 0x0fffffff];
const END_OF_CHAIN = 0x0fffffff;
/** The specification's table for FAT32 (section 3.5), sizes in MiB. */
const SECTORS_PER_CLUSTER = [
  { upToMib: 260, sectors: 1 },
  { upToMib: 8 * 1024, sectors: 8 },
  { upToMib: 16 * 1024, sectors: 16 },
  { upToMib: 32 * 1024, sectors: 32 },
] as const;
const LABEL_PATTERN = /^[A-Z0-9 _-]{1,11}$/;

export interface NewFat {
  /** Where it begins on the disk, which the boot sector has to know. */
  readonly offsetBytes: number;
  /** A multiple of 512, from about 33 MiB to 32 GiB. */
  readonly sizeBytes: number;
  /** Up to eleven capital letters and digits. */
  readonly label: string;
  /** 32 bits. */
  readonly volumeId: number;
  /** Of every file. */
  readonly modified: Date;
  /** By path, "overlays/dwc2.dtbo"; folders are made as they are needed. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

interface Node {
  readonly name: string;
  /** Of a folder. */
  readonly children: Node[] | undefined;
  /** Of a file. */
  readonly content: Uint8Array;
  cluster: number;
}

/**
 * The regions of the file system, offsets counted from the beginning of the disk.
 * Throws FatError "path" for names that FAT cannot hold or cannot tell apart, "full" when the files do not fit,
 * "too-large" for a size that FAT32 does not have.
 */
export function formatFat32(fat: NewFat): Region[] {
  if (!LABEL_PATTERN.test(fat.label)) throw new FatError("path", `"${fat.label}" is no label for FAT`);
  const geometry = geometryOf(fat.sizeBytes);
  const root = treeOf(fat.files);
  const clusterBytes = geometry.sectorsPerCluster * SECTOR_BYTES;
  const table = new Uint8Array(geometry.fatSectors * SECTOR_BYTES);
  const view = new DataView(table.buffer);
  FIRST_ENTRIES.forEach((entry, i) => view.setUint32(i * 4, entry, true));

  let next = FIRST_CLUSTER;
  const take = (bytes: number): number => {
    const count = Math.ceil(bytes / clusterBytes);
    if (count === 0) return 0;
    const first = next;
    next += count;
    if (next - FIRST_CLUSTER > geometry.clusters)
      throw new FatError("full", "the files do not fit into the file system");
    for (let i = first; i < next; i++) view.setUint32(i * 4, i + 1 < next ? i + 1 : END_OF_CHAIN, true);
    return first;
  };
  const data: { readonly cluster: number; readonly bytes: Uint8Array }[] = [];
  const place = (node: Node, parent: Node | undefined): void => {
    // A folder's length does not depend on where its files lie: it is laid out once to be measured.
    node.cluster = take(node.children ? encodeFolder(node, parent, fat).length : node.content.length);
    for (const child of node.children ?? []) place(child, node);
  };
  const collect = (node: Node, parent: Node | undefined): void => {
    data.push({
      cluster: node.cluster,
      bytes: node.children ? encodeFolder(node, parent, fat) : node.content,
    });
    for (const child of node.children ?? []) collect(child, node);
  };
  place(root, undefined);
  collect(root, undefined);

  const boot = encodeBootSector32({
    sectorsPerCluster: geometry.sectorsPerCluster,
    reservedSectors: RESERVED_SECTORS,
    fatCopies: FAT_COPIES,
    fatSectors: geometry.fatSectors,
    sectors: fat.sizeBytes / SECTOR_BYTES,
    hiddenSectors: fat.offsetBytes / SECTOR_BYTES,
    rootCluster: root.cluster,
    backupSector: BACKUP_SECTOR,
    volumeId: fat.volumeId,
    label: fat.label,
  });
  const info = encodeInfoSector({
    freeClusters: geometry.clusters - (next - FIRST_CLUSTER),
    nextFree: next,
  });
  const at = (sector: number): number => fat.offsetBytes + sector * SECTOR_BYTES;
  const dataSector = RESERVED_SECTORS + FAT_COPIES * geometry.fatSectors;
  return [
    { offset: at(0), bytes: boot },
    { offset: at(1), bytes: info },
    { offset: at(BACKUP_SECTOR), bytes: boot },
    { offset: at(BACKUP_SECTOR + 1), bytes: info },
    // What is used of the table; the rest reads as zeros, which is free.
    ...Array.from({ length: FAT_COPIES }, (_, copy) => ({
      offset: at(RESERVED_SECTORS + copy * geometry.fatSectors),
      bytes: table.subarray(0, next * 4),
    })),
    ...data.map(({ cluster, bytes }) => ({
      offset: at(dataSector) + (cluster - FIRST_CLUSTER) * clusterBytes,
      bytes,
    })),
  ].filter(({ bytes }) => bytes.length > 0);
}

/** Bytes that files and folders take in clusters of 512 bytes, and the tables before them: to choose a size by. */
export function fatBytesFor(files: ReadonlyMap<string, Uint8Array>): number {
  const perFile = 21 * ENTRY_BYTES;
  let bytes = 0;
  for (const content of files.values())
    bytes += Math.ceil(content.length / SECTOR_BYTES) * SECTOR_BYTES + perFile;
  return bytes;
}

function geometryOf(sizeBytes: number) {
  const row = SECTORS_PER_CLUSTER.find(({ upToMib }) => sizeBytes <= upToMib * 2 ** 20);
  if (!row || sizeBytes % SECTOR_BYTES !== 0)
    throw new FatError("too-large", `a FAT32 of ${sizeBytes} bytes is not made here`);
  const sectorsPerCluster = row.sectors;
  const usable = sizeBytes / SECTOR_BYTES - RESERVED_SECTORS;
  // Each cluster takes its sectors and four bytes in each table.
  const most = Math.floor((usable * SECTOR_BYTES) / (sectorsPerCluster * SECTOR_BYTES + FAT_COPIES * 4));
  const fatSectors = Math.ceil(((most + FIRST_CLUSTER) * 4) / SECTOR_BYTES);
  const clusters = Math.floor((usable - FAT_COPIES * fatSectors) / sectorsPerCluster);
  if (clusters < FEWEST_FAT32) throw new FatError("too-large", `${sizeBytes} bytes are too few for a FAT32`);
  return { sectorsPerCluster, fatSectors, clusters };
}

function treeOf(files: ReadonlyMap<string, Uint8Array>): Node {
  const root = folderNode("");
  for (const [path, content] of files) {
    const parts = path.split("/");
    const name = parts.pop() ?? "";
    let folder = root;
    for (const part of parts) {
      const found = folder.children?.find((node) => isSameName(node.name, part));
      if (found && !found.children) throw new FatError("path", `${path}: ${part} is a file`);
      const entered = found ?? folderNode(part);
      if (!found) {
        checkName(part);
        folder.children?.push(entered);
      }
      folder = entered;
    }
    checkName(name);
    if (folder.children?.some((node) => isSameName(node.name, name)))
      throw new FatError("path", `${path} is there twice: FAT does not tell capital letters from small ones`);
    folder.children?.push({ name, children: undefined, content, cluster: 0 });
  }
  return root;
}

function folderNode(name: string): Node {
  return { name, children: [], content: new Uint8Array(0), cluster: 0 };
}

/** The label or the dots, then every entry with its long name. */
function encodeFolder(folder: Node, parent: Node | undefined, { label, modified }: NewFat): Uint8Array {
  // The root is 0 to those in it.
  const above = parent?.name === "" ? 0 : (parent?.cluster ?? 0);
  const parts = [parent ? encodeDots(folder.cluster, above, modified) : encodeLabel(label, modified)];
  for (const { name, children, content, cluster } of folder.children ?? []) {
    const beside = readEntries(new Uint8Array(Buffer.concat(parts)));
    const isFolder = children !== undefined;
    parts.push(encodeEntry({ name, isFolder, cluster, sizeBytes: content.length, modified }, beside));
  }
  return new Uint8Array(Buffer.concat(parts));
}
