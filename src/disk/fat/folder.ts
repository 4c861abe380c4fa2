/**
 * A folder's bytes: entries of 32, and in front of an entry the pieces of its long name, last piece first.
 *
 *   | ord 0x42, "ta" | ord 1, "user-da" ... | "USER-D~1   " attributes, time, cluster, size |   0x00: none from here on
 */
import { checksumOf, shortNameOf, shortToText } from "./names.ts";

export const ENTRY_BYTES = 32;

const ATTRIBUTE = { volume: 0x08, folder: 0x10, archive: 0x20, long: 0x0f } as const;
const LONG_LAST = 0x40;
const FREE = 0xe5;
const END = 0x00;
/** In place of a first byte that would read as free. */
const ESCAPED_E5 = 0x05;
const AT = {
  attributes: 11,
  lower: 12,
  time: 14,
  clusterHigh: 20,
  writeTime: 22,
  clusterLow: 26,
  size: 28,
} as const;
/** Where the thirteen characters of a long entry are. */
const LONG_AT = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
const MAX_LONG_ENTRIES = 20;

export interface FolderEntry {
  readonly name: string;
  readonly short: string;
  readonly isFolder: boolean;
  /** 0 for an empty file. */
  readonly cluster: number;
  readonly sizeBytes: number;
  /** Numbers of its entries in the folder: pieces of the long name, then its own. */
  readonly from: number;
  readonly at: number;
}

/** Every file and folder; volume labels, `.` and `..` are left out. */
export function readEntries(bytes: Uint8Array): FolderEntry[] {
  const found: FolderEntry[] = [];
  let long: { text: string[]; checksum: number; from: number } | undefined;
  for (let at = 0; (at + 1) * ENTRY_BYTES <= bytes.length; at++) {
    const entry = bytes.subarray(at * ENTRY_BYTES, (at + 1) * ENTRY_BYTES);
    const [first = END] = entry;
    if (first === END) break;
    const attributes = entry[AT.attributes] ?? 0;
    if (first !== FREE && (attributes & 0x3f) === ATTRIBUTE.long) {
      if (first & LONG_LAST) long = { text: [], checksum: entry[13] ?? 0, from: at };
      if (long && long.text.length < MAX_LONG_ENTRIES) long.text.unshift(longPiece(entry));
      continue;
    }
    const before = long;
    long = undefined;
    if (first === FREE || attributes & ATTRIBUTE.volume || first === 0x2e) continue;
    const isLong = before !== undefined && before.checksum === checksumOf(entry.subarray(0, 11));
    found.push(decode(entry, at, isLong ? before : undefined));
  }
  return found;
}

function decode(
  entry: Uint8Array,
  at: number,
  long: { readonly text: readonly string[]; readonly from: number } | undefined,
): FolderEntry {
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength);
  const raw = entry.slice(0, 11);
  if (raw[0] === ESCAPED_E5) raw[0] = FREE;
  const short = Buffer.from(raw).toString("latin1");
  return {
    name: long?.text.join("") ?? shortToText(short, entry[AT.lower] ?? 0),
    short,
    isFolder: ((entry[AT.attributes] ?? 0) & ATTRIBUTE.folder) !== 0,
    cluster: view.getUint16(AT.clusterHigh, true) * 65_536 + view.getUint16(AT.clusterLow, true),
    sizeBytes: view.getUint32(AT.size, true),
    from: long?.from ?? at,
    at,
  };
}

function longPiece(entry: Uint8Array): string {
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength);
  const units = LONG_AT.map((at) => view.getUint16(at, true));
  const end = units.indexOf(0);
  return String.fromCharCode(...(end < 0 ? units : units.slice(0, end)));
}

export interface NewEntry {
  readonly name: string;
  readonly isFolder: boolean;
  readonly cluster: number;
  readonly sizeBytes: number;
  readonly modified: Date;
}

/** The entries of a new file, long name and all, beside those that are there. */
export function encodeEntry(entry: NewEntry, beside: readonly FolderEntry[]): Uint8Array {
  const { short, needsLong } = shortNameOf(entry.name, new Set(beside.map(({ short }) => short)));
  const own = new Uint8Array(ENTRY_BYTES);
  own.set(Buffer.from(short, "latin1"));
  own[AT.attributes] = entry.isFolder ? ATTRIBUTE.folder : ATTRIBUTE.archive;
  putContent(own, entry);
  new DataView(own.buffer).setUint32(AT.time, stamp(entry.modified), true);
  if (!needsLong) return own;
  const checksum = checksumOf(own.subarray(0, 11));
  const pieces = Math.ceil(entry.name.length / LONG_AT.length);
  const long = Array.from({ length: pieces }, (_, i) =>
    encodeLong(entry.name, pieces - i, i === 0, checksum),
  );
  return new Uint8Array(Buffer.concat([...long, own]));
}

/** The entries `.` and `..` with which a folder begins; the parent is 0 when it is the root. */
export function encodeDots(own: number, parent: number, modified: Date): Uint8Array {
  const dot = (name: string, cluster: number): Uint8Array => {
    const entry = new Uint8Array(ENTRY_BYTES);
    entry.set(Buffer.from(name.padEnd(11), "latin1"));
    entry[AT.attributes] = ATTRIBUTE.folder;
    putContent(entry, { cluster, sizeBytes: 0, modified });
    return entry;
  };
  return new Uint8Array(Buffer.concat([dot(".", own), dot("..", parent)]));
}

/** The entry with which a root folder names its volume; eleven characters at most. */
export function encodeLabel(label: string, modified: Date): Uint8Array {
  const entry = new Uint8Array(ENTRY_BYTES);
  entry.set(Buffer.from(label.padEnd(11), "latin1"));
  entry[AT.attributes] = ATTRIBUTE.volume;
  putContent(entry, { cluster: 0, sizeBytes: 0, modified });
  return entry;
}

/** Where a file's content is now, into its entry. */
export function putContent(
  entry: Uint8Array,
  { cluster, sizeBytes, modified }: Pick<NewEntry, "cluster" | "sizeBytes" | "modified">,
): void {
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength);
  view.setUint16(AT.clusterHigh, cluster >>> 16, true);
  view.setUint16(AT.clusterLow, cluster & 0xffff, true);
  view.setUint32(AT.writeTime, stamp(modified), true);
  view.setUint32(AT.size, sizeBytes, true);
}

/** Marks the entries of a file as free. */
export function erase(bytes: Uint8Array, { from, at }: FolderEntry): void {
  for (let i = from; i <= at; i++) bytes[i * ENTRY_BYTES] = FREE;
}

/** The first place with that many free entries in a row; undefined when the folder has to grow. */
export function findRoom(bytes: Uint8Array, entries: number): number | undefined {
  let run = 0;
  const count = bytes.length / ENTRY_BYTES;
  for (let at = 0; at < count; at++) {
    const first = bytes[at * ENTRY_BYTES];
    if (first === END) return at - run + entries <= count ? at - run : undefined;
    run = first === FREE ? run + 1 : 0;
    if (run === entries) return at - entries + 1;
  }
  return undefined;
}

function encodeLong(name: string, order: number, isLast: boolean, checksum: number): Uint8Array {
  const entry = new Uint8Array(ENTRY_BYTES);
  const view = new DataView(entry.buffer);
  entry[0] = order | (isLast ? LONG_LAST : 0);
  entry[AT.attributes] = ATTRIBUTE.long;
  entry[13] = checksum;
  const from = (order - 1) * LONG_AT.length;
  LONG_AT.forEach((at, i) => {
    const past = from + i - name.length;
    // A zero ends a name that does not fill its last piece; what is behind it is all ones.
    view.setUint16(at, past < 0 ? name.charCodeAt(from + i) : past === 0 ? 0 : 0xffff, true);
  });
  return entry;
}

/** Date and time of the specification, section 6.3: two seconds are its unit, 1980 its first year. */
function stamp(date: Date): number {
  const year = Math.min(Math.max(date.getUTCFullYear(), 1980), 2107);
  const day = ((year - 1980) << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate();
  const time = (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >>> 1);
  return ((day << 16) | time) >>> 0;
}
