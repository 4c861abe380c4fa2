/** WRITE SAME and UNMAP, SBC-3 sections 5.28 and 5.49: blocks filled, or given back. */
import { getU16, getU32, getU64, getU8 } from "../wire/bytes.ts";
import { blockRange } from "./blocks.ts";
import type { Command } from "./command.ts";
import { MAX_UNMAP_BYTES, MAX_UNMAP_DESCRIPTORS, MAX_WRITE_SAME_BYTES } from "./limits.ts";
import { DONE, type Plan } from "./plan.ts";
import { SenseError } from "./sense.ts";
import type { Unit } from "./unit.ts";

const ANCHOR_BIT = 0x10;
const UNMAP_BIT = 0x08;
const NDOB_BIT = 0x01;
const PROTECT_BITS = 0xe0;
/** One device write of WRITE SAME; other sessions get their turn in between. */
const FILL_CHUNK_BYTES = 256 * 1024;

export function writeSame(size: 10 | 16): (command: Command) => Plan {
  return ({ cdb, unit }) => {
    const flags = getU8(cdb, 1);
    if (flags & (PROTECT_BITS | ANCHOR_BIT)) throw new SenseError("invalidFieldInCdb", { field: 1 });
    const { lba, count } = blockRange(cdb, size);
    const { offset, length } = unit.range(lba, count);
    // WSNZ (VPD B0h): no number would stand for all the rest of the disk, and a slip must not wipe it.
    if (count === 0 || length > MAX_WRITE_SAME_BYTES)
      throw new SenseError("invalidFieldInCdb", { field: size === 10 ? 7 : 10 });
    const unmap = (flags & UNMAP_BIT) !== 0;
    const fillWith = (block: Uint8Array): Plan | Promise<Plan> => {
      if (unmap && block.every((byte) => byte === 0)) return discardAll(unit, [{ offset, length }]);
      return fill(unit, offset, length, block);
    };
    if (size === 16 && flags & NDOB_BIT) {
      const zeros = new Uint8Array(unit.blockSizeBytes);
      return { kind: "later", work: async () => fillWith(zeros) };
    }
    return { kind: "parameters", length: unit.blockSizeBytes, isExact: true, act: fillWith };
  };
}

async function fill(unit: Unit, offset: number, length: number, block: Uint8Array): Promise<Plan> {
  const chunk = new Uint8Array(Math.min(length, FILL_CHUNK_BYTES));
  for (let at = 0; at < chunk.length; at += block.length) chunk.set(block, at);
  for (let done = 0; done < length; done += chunk.length) {
    const part = chunk.subarray(0, Math.min(chunk.length, length - done));
    await unit.prepare(offset + done, part.length);
    unit.write(part, offset + done);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return DONE;
}

const LIST_HEADER_BYTES = 8;
const DESCRIPTOR_BYTES = 16;

export function unmap({ cdb, unit }: Command): Plan {
  if (getU8(cdb, 1) & 1) throw new SenseError("invalidFieldInCdb", { field: 1 }); // ANCHOR
  const length = getU16(cdb, 7);
  if (length === 0) return DONE;
  if (length < LIST_HEADER_BYTES) throw new SenseError("parameterListLengthError");
  return { kind: "parameters", length, act: (list) => unmapList(unit, list) };
}

function unmapList(unit: Unit, list: Uint8Array): Plan | Promise<Plan> {
  if (list.length < LIST_HEADER_BYTES) throw new SenseError("parameterListLengthError");
  const stated = getU16(list, 2);
  const bytes = Math.min(stated, list.length - LIST_HEADER_BYTES);
  const count = Math.floor(bytes / DESCRIPTOR_BYTES);
  if (count > MAX_UNMAP_DESCRIPTORS) throw new SenseError("invalidFieldInParameterList", { field: 2 });
  const ranges: Range[] = [];
  let total = 0;
  for (let i = 0; i < count; i++) {
    const at = LIST_HEADER_BYTES + i * DESCRIPTOR_BYTES;
    const blocks = getU32(list, at + 8);
    const lba = getU64(list, at);
    // An empty descriptor does nothing, wherever it points (SBC-3 5.28.2).
    if (blocks === 0) {
      if (lba > unit.blocks) throw new SenseError("lbaOutOfRange");
      continue;
    }
    const range = unit.range(lba, blocks);
    total += range.length;
    ranges.push(range);
  }
  if (total > MAX_UNMAP_BYTES)
    throw new SenseError("invalidFieldInParameterList", { field: LIST_HEADER_BYTES + 8 });
  return discardAll(unit, ranges);
}

interface Range {
  readonly offset: number;
  readonly length: number;
}

async function discardAll(unit: Unit, ranges: readonly Range[]): Promise<Plan> {
  for (const { offset, length } of ranges) {
    await unit.prepare(offset, length);
    unit.discard(offset, length);
  }
  return DONE;
}
