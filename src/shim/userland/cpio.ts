/**
 * The "newc" archive that the kernel unpacks as its first root (kernel documentation, "initramfs buffer format"):
 *
 *   magic "070701" | 13 fields of 8 hex digits | name, NUL, padding to 4 | content, padding to 4
 *
 * Written by hand, because device nodes need no rights in an archive, and because sorted names, fixed owners and
 * mtime 0 make the same input the same bytes.
 */

const MAGIC = "070701";
const TRAILER = "TRAILER!!!";
const ALIGNMENT = 4;
/** File type bits of st_mode. */
const TYPE_BITS = { directory: 0o040000, file: 0o100000, link: 0o120000, character: 0o020000 } as const;

export type CpioEntry =
  | { readonly type: "directory"; readonly path: string; readonly mode: number }
  | { readonly type: "file"; readonly path: string; readonly mode: number; readonly content: Uint8Array }
  | { readonly type: "link"; readonly path: string; readonly target: string }
  | {
      readonly type: "character";
      readonly path: string;
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    };

/**
 * The archive of `entries`, whose paths are relative ("bin/busybox"). Their order does not matter: a directory sorts
 * before what is in it.
 *
 * @throws RangeError for two entries of one path, or an entry whose directory is not among them
 */
export function encodeCpio(entries: readonly CpioEntry[]): Uint8Array {
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const directories = new Set([""]);
  let previous = "";
  const parts: Uint8Array[] = [];
  for (const [index, entry] of sorted.entries()) {
    if (entry.path === previous) throw new RangeError(`${entry.path} is there twice`);
    previous = entry.path;
    const parent = entry.path.slice(0, Math.max(0, entry.path.lastIndexOf("/")));
    if (!directories.has(parent)) throw new RangeError(`${entry.path}: no directory ${parent}`);
    if (entry.type === "directory") directories.add(entry.path);
    parts.push(...encodeEntry(entry, index + 1));
  }
  parts.push(...encodeHeader({ name: TRAILER, inode: 0, mode: 0, links: 1, size: 0 }));
  return concat(parts);
}

function encodeEntry(entry: CpioEntry, inode: number): Uint8Array[] {
  const permissions = entry.type === "link" ? 0o777 : entry.mode;
  const content =
    entry.type === "file"
      ? entry.content
      : entry.type === "link"
        ? new TextEncoder().encode(entry.target)
        : new Uint8Array();
  const header = encodeHeader({
    name: entry.path,
    inode,
    mode: TYPE_BITS[entry.type] | permissions,
    links: entry.type === "directory" ? 2 : 1,
    size: content.length,
    ...(entry.type === "character" ? { major: entry.major, minor: entry.minor } : {}),
  });
  return [...header, content, padding(content.length)];
}

interface Header {
  readonly name: string;
  readonly inode: number;
  readonly mode: number;
  readonly links: number;
  readonly size: number;
  readonly major?: number;
  readonly minor?: number;
}

function encodeHeader(header: Header): Uint8Array[] {
  const name = new TextEncoder().encode(`${header.name}\0`);
  const fields = [
    header.inode,
    header.mode,
    0, // uid
    0, // gid
    header.links,
    0, // mtime
    header.size,
    0, // device of the archive's own file system, major and minor
    0,
    header.major ?? 0,
    header.minor ?? 0,
    name.length,
    0, // checksum, of another format
  ];
  const text = MAGIC + fields.map((field) => field.toString(16).padStart(8, "0")).join("");
  return [new TextEncoder().encode(text), name, padding(text.length + name.length)];
}

function padding(length: number): Uint8Array {
  return new Uint8Array((ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
