/**
 * The writes of a disk as QEMU's blklogwrites records them (the kernel's Documentation/admin-guide/device-mapper/log-writes):
 *
 *   sector 0    | magic, version, number of entries (not kept when the recorder is killed), sector size
 *   then, again | sector, sectors, flags, length of data: one sector | data, for a write |
 *
 * and the disk as a loss of power at any moment may leave it.
 */
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";

const MAGIC = 0x006a736677736872n;
const FLAG = { flush: 1n, fua: 2n, discard: 4n } as const;
const HEADER_BYTES = 32;

/** Of ext4's superblock, which lies as far from its start, and of that of its journal. */
const SUPERBLOCK_BYTES = 1024;
/** The first bytes of a block of ext4's journal, its superblock among them (jbd2's JBD2_MAGIC_NUMBER, big-endian). */
const JOURNAL_MAGIC = 0xc03b3998;

export interface RecordedWrite {
  readonly kind: "write" | "flush" | "discard";
  /** On the disk, in bytes. */
  readonly offset: number;
  readonly length: number;
  /** Of its data in the record, in bytes. */
  readonly dataAt: number;
  /** Size of the record when it had come in. */
  readonly end: number;
}

export interface Recording {
  readonly path: string;
  readonly sectorBytes: number;
  readonly writes: readonly RecordedWrite[];
}

/** Reads what was recorded, up to the first entry that is not whole. Throws for what is no such record. */
export function readRecording(path: string): Recording {
  const fd = openSync(path, "r");
  try {
    const at = (offset: number): DataView => {
      const bytes = new Uint8Array(HEADER_BYTES);
      readSync(fd, bytes, 0, HEADER_BYTES, offset);
      return new DataView(bytes.buffer);
    };
    const first = at(0);
    if (first.getBigUint64(0, true) !== MAGIC) throw new Error(`${path} is no record of writes`);
    const sectorBytes = first.getUint32(24, true);
    const size = Bun.file(path).size;
    const writes: RecordedWrite[] = [];
    for (let offset = sectorBytes; offset + sectorBytes <= size;) {
      const write = decodeEntry(at(offset), offset, sectorBytes);
      if (write === undefined || write.end > size) break;
      writes.push(write);
      offset = write.end;
    }
    return { path, sectorBytes, writes };
  } finally {
    closeSync(fd);
  }
}

/** Undefined for a place where nothing was recorded. */
function decodeEntry(entry: DataView, offset: number, sectorBytes: number): RecordedWrite | undefined {
  const [sector, sectors] = [Number(entry.getBigUint64(0, true)), Number(entry.getBigUint64(8, true))];
  const flags = entry.getBigUint64(16, true);
  if (sectors === 0 && flags === 0n) return undefined;
  const isDiscard = (flags & FLAG.discard) !== 0n;
  const dataBytes = isDiscard ? 0 : sectors * sectorBytes;
  return {
    kind: isDiscard ? "discard" : sectors === 0 ? "flush" : "write",
    offset: sector * sectorBytes,
    length: sectors * sectorBytes,
    dataAt: offset + sectorBytes,
    end: offset + sectorBytes + dataBytes,
  };
}

/**
 * Makes `image` (a copy of the disk from before the recording) what a loss of power leaves when the record had `stamp`
 * bytes: everything up to the last flush, and after it each sector of a write with the chance `odds`.
 * The superblocks of ext4 and of its journal come whole or not at all: each lies across two sectors under one checksum, so
 * ext4 itself relies on that, and what it then loses says nothing about the server.
 * @param chance gives numbers in [0, 1)
 */
export function losePower(
  image: string,
  recording: Recording,
  stamp: number,
  { chance, odds }: { readonly chance: () => number; readonly odds: number },
): void {
  const writes = recording.writes.filter(({ end }) => end <= stamp);
  const durable = writes.findLastIndex(({ kind }) => kind === "flush");
  const [disk, record] = [openSync(image, "r+"), openSync(recording.path, "r")];
  try {
    for (const [index, write] of writes.entries()) {
      if (write.kind === "flush") continue;
      const bytes = new Uint8Array(write.length);
      if (write.kind === "write") readSync(record, bytes, 0, write.length, write.dataAt);
      if (index <= durable) {
        writeSync(disk, bytes, 0, write.length, write.offset);
        continue;
      }
      for (let done = 0; done < write.length;) {
        const piece = isSuperblock(write.offset + done, bytes.subarray(done))
          ? SUPERBLOCK_BYTES
          : recording.sectorBytes;
        if (chance() < odds) writeSync(disk, bytes, done, piece, write.offset + done);
        done += piece;
      }
    }
  } finally {
    closeSync(disk);
    closeSync(record);
  }
}

/** Whether a superblock begins here: at `offset` of the disk, with these bytes. */
function isSuperblock(offset: number, bytes: Uint8Array): boolean {
  if (offset % SUPERBLOCK_BYTES !== 0 || bytes.length < SUPERBLOCK_BYTES) return false;
  if (offset === SUPERBLOCK_BYTES) return true;
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) === JOURNAL_MAGIC;
}

/** An empty file for QEMU to record to. */
export function emptyRecording(path: string): void {
  const fd = openSync(path, "w");
  ftruncateSync(fd, 0);
  closeSync(fd);
}
