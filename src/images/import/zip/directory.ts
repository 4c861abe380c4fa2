/**
 * The directory of a zip archive (PKWARE's APPNOTE 6.3.10, sections 4.3 and 4.5.3), read from its end:
 *
 *   members | central directory | zip64 record, locator (when needed) | end record, comment
 *
 * What the directory says is believed; what stands before each member must say the same.
 */
import type { HostFile } from "../../../disk/host/file.ts";
import { badArchive } from "../decompress.ts";

/** The archive's comment lies behind the end record, and its length has 16 bits. */
const COMMENT_MAX_BYTES = 0xffff;
/** An archive around one disk image has a handful of members. */
const MEMBERS_MAX = 1000;
const DIRECTORY_MAX_BYTES = 1 << 20;

const END = { magic: 0x06054b50, bytes: 22 } as const;
const LOCATOR = { magic: 0x07064b50, bytes: 20 } as const;
const END64 = { magic: 0x06064b50, bytes: 56 } as const;
const CENTRAL = { magic: 0x02014b50, bytes: 46 } as const;
const LOCAL = { magic: 0x04034b50, bytes: 30 } as const;
const ZIP64_EXTRA = 0x0001;
const FULL_16 = 0xffff;
const FULL_32 = 0xffffffff;
const FLAG_ENCRYPTED = 1 << 0;
const FLAG_UTF8 = 1 << 11;
/** "Made by" Unix: the high half of the external attributes is the file's mode. */
const MADE_BY_UNIX = 3;
const MODE_TYPE = 0xf000;
const MODE_SYMLINK = 0xa000;

export interface Member {
  readonly name: string;
  readonly isFolder: boolean;
  readonly isLink: boolean;
  readonly encrypted: boolean;
  /** Compression method of the APPNOTE, section 4.4.5. */
  readonly method: number;
  readonly crc32: number;
  readonly packedBytes: number;
  readonly contentBytes: number;
  /** Where its local header is. */
  readonly offset: number;
}

/** Reads the directory. Throws "bad-archive". Members are in the archive's order. */
export function readDirectory(file: HostFile): Member[] {
  const { offset, bytes, members } = findDirectory(file);
  if (members > MEMBERS_MAX) throw bad(`it has ${members} members, and ${MEMBERS_MAX} is the most`);
  if (bytes > DIRECTORY_MAX_BYTES) throw bad(`its directory has ${bytes} bytes`);
  if (offset + bytes > file.sizeBytes()) throw bad("its directory lies outside the file");
  const directory = view(file, offset, bytes);
  const found: Member[] = [];
  let at = 0;
  for (let i = 0; i < members; i += 1) {
    if (at + CENTRAL.bytes > bytes || directory.getUint32(at, true) !== CENTRAL.magic)
      throw bad("its directory is damaged");
    const nameBytes = directory.getUint16(at + 28, true);
    const extraBytes = directory.getUint16(at + 30, true);
    const end = at + CENTRAL.bytes + nameBytes + extraBytes + directory.getUint16(at + 32, true);
    if (end > bytes) throw bad("its directory is damaged");
    found.push(decodeMember(directory, at, nameBytes, extraBytes));
    at = end;
  }
  return found;
}

/** Where the member's bytes begin. Throws "bad-archive" when its own header says something else than the directory. */
export function dataOffset(file: HostFile, member: Member): number {
  if (member.offset + LOCAL.bytes > file.sizeBytes()) throw bad("a member lies outside the file");
  const header = view(file, member.offset, LOCAL.bytes);
  const nameBytes = header.getUint16(26, true);
  const name = new Uint8Array(nameBytes);
  file.readNow(name, member.offset + LOCAL.bytes);
  if (
    header.getUint32(0, true) !== LOCAL.magic ||
    header.getUint16(8, true) !== member.method ||
    decodeName(name, (header.getUint16(6, true) & FLAG_UTF8) !== 0) !== member.name
  )
    throw bad("a member and the directory contradict each other");
  const offset = member.offset + LOCAL.bytes + nameBytes + header.getUint16(28, true);
  if (offset + member.packedBytes > file.sizeBytes()) throw bad("a member lies outside the file");
  return offset;
}

function findDirectory(file: HostFile): { offset: number; bytes: number; members: number } {
  const size = file.sizeBytes();
  const tailBytes = Math.min(size, END.bytes + COMMENT_MAX_BYTES + LOCATOR.bytes);
  const tail = view(file, size - tailBytes, tailBytes);
  for (let at = tailBytes - END.bytes; at >= 0; at -= 1) {
    if (tail.getUint32(at, true) !== END.magic) continue;
    // The comment reaches to the end of the file exactly: anything else is a comment that looks like a record.
    if (at + END.bytes + tail.getUint16(at + 20, true) !== tailBytes) continue;
    const disks = tail.getUint16(at + 4, true);
    if (disks !== 0 && disks !== FULL_16) throw bad("it is one of several parts");
    const record = {
      members: tail.getUint16(at + 10, true),
      bytes: tail.getUint32(at + 12, true),
      offset: tail.getUint32(at + 16, true),
    };
    const is64 = record.members === FULL_16 || record.bytes === FULL_32 || record.offset === FULL_32;
    const locatorAt = at - LOCATOR.bytes;
    if (!is64 || locatorAt < 0 || tail.getUint32(locatorAt, true) !== LOCATOR.magic) return record;
    return readEnd64(file, number64(tail, locatorAt + 8));
  }
  throw bad("it has no end: was the file cut off?");
}

function readEnd64(file: HostFile, offset: number): { offset: number; bytes: number; members: number } {
  if (offset + END64.bytes > file.sizeBytes()) throw bad("its directory lies outside the file");
  const record = view(file, offset, END64.bytes);
  if (record.getUint32(0, true) !== END64.magic) throw bad("its directory is damaged");
  if (record.getUint32(16, true) !== 0) throw bad("it is one of several parts");
  return { members: number64(record, 32), bytes: number64(record, 40), offset: number64(record, 48) };
}

function decodeMember(directory: DataView, at: number, nameBytes: number, extraBytes: number): Member {
  const flags = directory.getUint16(at + 8, true);
  const nameAt = directory.byteOffset + at + CENTRAL.bytes;
  const name = decodeName(new Uint8Array(directory.buffer, nameAt, nameBytes), (flags & FLAG_UTF8) !== 0);
  const madeBy = directory.getUint16(at + 4, true) >>> 8;
  const mode = madeBy === MADE_BY_UNIX ? directory.getUint32(at + 38, true) >>> 16 : 0;
  const sizes = wideSizes(directory, at, at + CENTRAL.bytes + nameBytes, extraBytes);
  return {
    name,
    isFolder: name.endsWith("/"),
    isLink: (mode & MODE_TYPE) === MODE_SYMLINK,
    encrypted: (flags & FLAG_ENCRYPTED) !== 0,
    method: directory.getUint16(at + 10, true),
    crc32: directory.getUint32(at + 16, true),
    ...sizes,
  };
}

/** Sizes and place, from the zip64 field where 32 bits are not enough: only those that are full stand in it, in this order. */
function wideSizes(directory: DataView, at: number, extraAt: number, extraBytes: number) {
  const fields = {
    contentBytes: directory.getUint32(at + 24, true),
    packedBytes: directory.getUint32(at + 20, true),
    offset: directory.getUint32(at + 42, true),
  };
  const end = extraAt + extraBytes;
  for (let field = extraAt; field + 4 <= end;) {
    const type = directory.getUint16(field, true);
    const fieldEnd = field + 4 + directory.getUint16(field + 2, true);
    if (fieldEnd > end) throw bad("its directory is damaged");
    if (type === ZIP64_EXTRA) {
      let value = field + 4;
      for (const name of ["contentBytes", "packedBytes", "offset"] as const) {
        if (fields[name] !== FULL_32) continue;
        if (value + 8 > fieldEnd) throw bad("its directory is damaged");
        fields[name] = number64(directory, value);
        value += 8;
      }
      return fields;
    }
    field = fieldEnd;
  }
  return fields;
}

/** Names are UTF-8 when they say so, and otherwise of some code page: those bytes are only compared and shown. */
function decodeName(bytes: Uint8Array, utf8: boolean): string {
  try {
    return new TextDecoder("utf-8", { fatal: utf8 }).decode(bytes);
  } catch (error) {
    throw badArchive("zip", "a name in it is not UTF-8", error);
  }
}

function number64(data: DataView, at: number): number {
  const value = data.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw bad("a size in it is larger than any file");
  return Number(value);
}

function view(file: HostFile, offset: number, bytes: number): DataView {
  const buffer = new Uint8Array(bytes);
  file.readNow(buffer, offset);
  return new DataView(buffer.buffer);
}

function bad(reason: string): Error {
  return badArchive("zip", reason);
}
