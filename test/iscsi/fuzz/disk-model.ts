/** What SCSI commands do to a disk, on a plain array: SBC-3 read anew, to be held against the target's own reading. */

export interface BlockField {
  readonly lba: bigint;
  readonly count: bigint;
}

type Size = 6 | 10 | 12 | 16;

/** Opcodes with an LBA and a transfer length, and how long their CDBs are. */
const READS: Record<number, Size> = { 0x08: 6, 0x28: 10, 0xa8: 12, 0x88: 16 };
const WRITES: Record<number, Size> = {
  0x0a: 6,
  0x2a: 10,
  0xaa: 12,
  0x8a: 16,
  0x2e: 10,
  0xae: 12,
  0x8e: 16,
};
const CHECKS: Record<number, Size> = { 0x2f: 10, 0xaf: 12, 0x8f: 16, 0x34: 10, 0x90: 16, 0x35: 10, 0x91: 16 };
const FILLS: Record<number, Size> = { 0x41: 10, 0x93: 16 };
const OR_WRITE = 0x8b;
const COMPARE_AND_WRITE = 0x89;
const UNMAP = 0x42;
export const EXTENDED_COPY = 0x83;

export function isRead(cdb: Uint8Array): boolean {
  return READS[cdb[0] ?? 0] !== undefined;
}

/** The blocks that a command names in its CDB; undefined where it names none. */
export function blocksOf(cdb: Uint8Array): BlockField | undefined {
  const opcode = cdb[0] ?? 0;
  const view = new DataView(cdb.buffer, cdb.byteOffset);
  if (opcode === COMPARE_AND_WRITE) return { lba: view.getBigUint64(2), count: BigInt(cdb[13] ?? 0) };
  if (opcode === OR_WRITE) return { lba: view.getBigUint64(2), count: BigInt(view.getUint32(10)) };
  const size = READS[opcode] ?? WRITES[opcode] ?? CHECKS[opcode] ?? FILLS[opcode];
  switch (size) {
    case 6:
      return { lba: BigInt(view.getUint32(0) & 0x1fffff), count: BigInt(cdb[4] === 0 ? 256 : (cdb[4] ?? 0)) };
    case 10:
      return { lba: BigInt(view.getUint32(2)), count: BigInt(view.getUint16(7)) };
    case 12:
      return { lba: BigInt(view.getUint32(2)), count: BigInt(view.getUint32(6)) };
    case 16:
      return { lba: view.getBigUint64(2), count: BigInt(view.getUint32(10)) };
    default:
      return undefined;
  }
}

/** Where the CDB says how much parameter data may come back; undefined for what says nothing of it. */
export function allocationOf(cdb: Uint8Array): number | undefined {
  const view = new DataView(cdb.buffer, cdb.byteOffset);
  switch (cdb[0]) {
    case 0x03:
    case 0x1a:
      return view.getUint8(4);
    case 0x12:
      return view.getUint16(3);
    case 0x25:
      return 8;
    case 0x37:
    case 0x5a:
    case 0x5e:
      return view.getUint16(7);
    case 0xa0:
    case 0xa3:
    case 0xb7:
      return view.getUint32(6);
    case 0x84:
    case 0x9e:
      return view.getUint32(10);
    default:
      return undefined;
  }
}

/** Applies a command that ended in GOOD, with the data that its initiator sent. */
export function apply(disk: Uint8Array, block: number, cdb: Uint8Array, data: Uint8Array): void {
  const opcode = cdb[0] ?? 0;
  if (opcode === UNMAP) {
    unmap(disk, block, data);
    return;
  }
  const named = blocksOf(cdb);
  if (!named) return;
  const from = Number(named.lba) * block;
  const length = Number(named.count) * block;
  if (WRITES[opcode] !== undefined) disk.set(data.subarray(0, length), from);
  else if (opcode === OR_WRITE)
    for (let i = 0; i < length; i++) disk[from + i] = (disk[from + i] ?? 0) | (data[i] ?? 0);
  else if (opcode === COMPARE_AND_WRITE) disk.set(data.subarray(length, 2 * length), from);
  else if (FILLS[opcode] !== undefined) {
    // NDOB, of the long form: zeros instead of the block sent.
    const fill = opcode === 0x93 && (cdb[1] ?? 0) & 1 ? new Uint8Array(block) : data.subarray(0, block);
    for (let at = from; at < from + length; at += block) disk.set(fill, at);
  }
}

function unmap(disk: Uint8Array, block: number, list: Uint8Array): void {
  if (list.length < 8) return;
  const view = new DataView(list.buffer, list.byteOffset, list.byteLength);
  const end = Math.min(8 + view.getUint16(2), list.length);
  for (let at = 8; at + 16 <= end; at += 16) {
    const from = Number(view.getBigUint64(at)) * block;
    const count = view.getUint32(at + 8);
    if (count > 0) disk.fill(0, from, from + count * block);
  }
}
