/** The commands that move or check blocks, SBC-3 section 5. A CDB's length tells where its fields are. */
import { getU16, getU24, getU32, getU64, getU8 } from "../wire/bytes.ts";
import type { Command } from "./command.ts";
import { MAX_GATHER_BYTES, MAX_TRANSFER_BYTES } from "./limits.ts";
import { DONE, type Plan } from "./plan.ts";
import { SenseError } from "./sense.ts";

type CdbBytes = 6 | 10 | 12 | 16;

const FUA_BIT = 0x08;
const PROTECT_BITS = 0xe0;
/** Read at a time to be compared: a window full of comparisons with one block each would hold much else. */
const VERIFY_CHUNK_BYTES = 64 * 1024;

interface BlockRange {
  readonly lba: number;
  readonly count: number;
}

/** LBA and transfer length; in a CDB of six bytes the length 0 means 256 (SBC-3 5.11). */
export function blockRange(cdb: Uint8Array, size: CdbBytes): BlockRange {
  switch (size) {
    case 6:
      return { lba: getU24(cdb, 1) & 0x1fffff, count: getU8(cdb, 4) || 256 };
    case 10:
      return { lba: getU32(cdb, 2), count: getU16(cdb, 7) };
    case 12:
      return { lba: getU32(cdb, 2), count: getU32(cdb, 6) };
    default:
      return { lba: getU64(cdb, 2), count: getU32(cdb, 10) };
  }
}

export function read(size: CdbBytes): (command: Command) => Plan {
  return ({ cdb, unit }) => {
    const { offset, length } = transferRange(cdb, size, unit);
    const plan: Plan = { kind: "read", offset, length };
    if (!hasFua(cdb, size)) return plan;
    // SBC-3 4.15: what is read with FUA comes from the medium, so newer cached data gets there first.
    return { kind: "later", work: () => unit.device.flush().then(() => plan) };
  };
}

export function write(size: CdbBytes): (command: Command) => Plan {
  return ({ cdb, unit }) => ({ kind: "write", ...transferRange(cdb, size, unit), flush: hasFua(cdb, size) });
}

/** The verification is that the data is on stable storage, where reading it back would find it. */
export function writeAndVerify(size: CdbBytes): (command: Command) => Plan {
  return ({ cdb, unit }) => {
    if (((getU8(cdb, 1) >>> 1) & 3) > 1) throw new SenseError("invalidFieldInCdb", { field: 1 });
    return { kind: "write", ...transferRange(cdb, size, unit), flush: true };
  };
}

/** BYTCHK 0 asks whether the blocks can be read, 1 compares them with the data sent, 3 each of them with one block. */
export function verify(size: CdbBytes): (command: Command) => Plan {
  return ({ cdb, unit }) => {
    const bytchk = (getU8(cdb, 1) >>> 1) & 3;
    if (bytchk === 2) throw new SenseError("invalidFieldInCdb", { field: 1 });
    const { offset, length } = transferRange(cdb, size, unit);
    if (bytchk === 0 || length === 0) return DONE;
    if (length > MAX_GATHER_BYTES) throw new SenseError("invalidFieldInCdb", { field: size === 16 ? 10 : 7 });
    return {
      kind: "parameters",
      length: bytchk === 1 ? length : unit.blockSizeBytes,
      act: async (data) => {
        const different = await firstDifference(unit, offset, length, data);
        if (different >= 0) throw new SenseError("miscompare", { information: different });
        return DONE;
      },
    };
  };
}

/** Where the range differs from `data`, taken again and again until its end; -1 when all of it is the same. */
async function firstDifference(
  { device }: Command["unit"],
  offset: number,
  length: number,
  data: Uint8Array,
): Promise<number> {
  const held = new Uint8Array(Math.min(length, VERIFY_CHUNK_BYTES));
  const pattern = data.length < length ? repeated(data, held.length) : undefined;
  for (let at = 0; at < length; at += held.length) {
    const chunk = held.subarray(0, Math.min(held.length, length - at));
    const want = (pattern ?? data.subarray(at)).subarray(0, chunk.length);
    if (!device.tryRead(chunk, offset + at)) await device.read(chunk, offset + at);
    if (Buffer.compare(chunk, want) === 0) continue;
    return at + chunk.findIndex((byte, i) => byte !== want[i]);
  }
  return -1;
}

/** `block` over and over; the length is a multiple of it. */
function repeated(block: Uint8Array, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += block.length) bytes.set(block, at);
  return bytes;
}

/** GOOD (and not CONDITION MET) says that not all of it need be in the cache: the host's kernel decides that. */
export function preFetch(size: 10 | 16): (command: Command) => Plan {
  return ({ cdb, unit }) => {
    const { lba, count } = blockRange(cdb, size);
    unit.range(lba, count);
    return DONE;
  };
}

/** IMMED is not made use of: the answer waits for stable storage in any case. */
export function synchronizeCache(size: 10 | 16): (command: Command) => Plan {
  return ({ cdb, unit }) => {
    const { lba, count } = blockRange(cdb, size);
    unit.range(lba, count);
    return { kind: "later", work: () => unit.device.flush().then(() => DONE) };
  };
}

/** Offset and length in bytes of a checked CDB. Throws SenseError beyond the disk or the transfer limit. */
export function transferRange(
  cdb: Uint8Array,
  size: CdbBytes,
  unit: Command["unit"],
): { offset: number; length: number } {
  // The unit has no protection information, and byte 1 of a six-byte CDB is part of the LBA.
  if (size !== 6 && getU8(cdb, 1) & PROTECT_BITS) throw new SenseError("invalidFieldInCdb", { field: 1 });
  const { lba, count } = blockRange(cdb, size);
  const range = unit.range(lba, count);
  if (range.length > MAX_TRANSFER_BYTES)
    throw new SenseError("invalidFieldInCdb", { field: { 6: 4, 10: 7, 12: 6, 16: 10 }[size] });
  return range;
}

/** Whether the data is to be on stable storage before GOOD. */
export function hasFua(cdb: Uint8Array, size: CdbBytes): boolean {
  return size !== 6 && (getU8(cdb, 1) & FUA_BIT) !== 0;
}
