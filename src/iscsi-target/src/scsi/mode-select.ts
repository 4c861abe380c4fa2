/** MODE SELECT(6) and (10), SPC-4 sections 6.9 and 6.10: everything in the list is checked before anything is changed. */
import { getU16, getU24, getU32, getU64, getU8 } from "../wire/bytes.ts";
import type { Command } from "./command.ts";
import { MODE_PAGE_ROWS, type ModeSettings } from "./mode-pages.ts";
import { DONE, type Plan } from "./plan.ts";
import { SenseError } from "./sense.ts";
import type { Unit } from "./unit.ts";

const PAGE_FORMAT_BIT = 0x10;
const SAVE_BIT = 0x01;
const SUBPAGE_FORMAT_BIT = 0x40;
const LONG_DESCRIPTOR_BIT = 0x01;

export function modeSelect6({ cdb, unit }: Command): Plan {
  return modeSelect(cdb, getU8(cdb, 4), unit, (list) => {
    needBytes(list, 4);
    return { pagesAt: 4 + getU8(list, 3), descriptor: list.subarray(4, 4 + getU8(list, 3)), isLong: false };
  });
}

export function modeSelect10({ cdb, unit }: Command): Plan {
  return modeSelect(cdb, getU16(cdb, 7), unit, (list) => {
    needBytes(list, 8);
    const bytes = getU16(list, 6);
    const isLong = (getU8(list, 4) & LONG_DESCRIPTOR_BIT) !== 0;
    return { pagesAt: 8 + bytes, descriptor: list.subarray(8, 8 + bytes), isLong };
  });
}

interface ListHeader {
  readonly pagesAt: number;
  readonly descriptor: Uint8Array;
  readonly isLong: boolean;
}

function modeSelect(
  cdb: Uint8Array,
  length: number,
  unit: Unit,
  header: (list: Uint8Array) => ListHeader,
): Plan {
  const flags = getU8(cdb, 1);
  if (!(flags & PAGE_FORMAT_BIT) || flags & SAVE_BIT) throw new SenseError("invalidFieldInCdb", { field: 1 });
  if (length === 0) return DONE;
  return {
    kind: "parameters",
    length,
    act: (list) => {
      const { pagesAt, descriptor, isLong } = header(list);
      needBytes(list, pagesAt);
      checkDescriptor(descriptor, isLong, unit);
      unit.shared.changeMode(readPages(list, pagesAt, unit.shared.mode), unit);
      return DONE;
    },
  };
}

/** The disk keeps its size and its blocks: a descriptor may only repeat them, or leave the size open. */
function checkDescriptor(descriptor: Uint8Array, isLong: boolean, unit: Unit): void {
  if (descriptor.length === 0) return;
  const bytes = isLong ? 16 : 8;
  if (descriptor.length !== bytes) throw new SenseError("invalidFieldInParameterList");
  const blocks = isLong ? getU64(descriptor, 0) : getU32(descriptor, 0);
  const blockBytes = isLong ? getU32(descriptor, 12) : getU24(descriptor, 5);
  const isSameSize = blocks === 0 || blocks === 0xffffffff || blocks === unit.blocks;
  if (!isSameSize || blockBytes !== unit.blockSizeBytes) throw new SenseError("invalidFieldInParameterList");
}

function readPages(list: Uint8Array, pagesAt: number, settings: ModeSettings): ModeSettings {
  let next = settings;
  for (let at = pagesAt; at < list.length; at += 2 + getU8(list, at + 1)) {
    needBytes(list, at + 2);
    const code = getU8(list, at);
    const row = MODE_PAGE_ROWS.find(({ page }) => page === (code & 0x3f));
    if (!row || code & SUBPAGE_FORMAT_BIT) throw new SenseError("invalidFieldInParameterList", { field: at });
    const now = row.body(next);
    if (getU8(list, at + 1) !== now.length)
      throw new SenseError("invalidFieldInParameterList", { field: at + 1 });
    needBytes(list, at + 2 + now.length);
    const body = list.subarray(at + 2, at + 2 + now.length);
    const wrong = body.findIndex(
      (byte, i) => ((byte ^ getU8(now, i)) & ~(row.change?.mask[i] ?? 0) & 0xff) !== 0,
    );
    if (wrong >= 0) throw new SenseError("invalidFieldInParameterList", { field: at + 2 + wrong });
    if (row.change) next = row.change.read(body);
  }
  return next;
}

function needBytes(list: Uint8Array, bytes: number): void {
  if (list.length < bytes) throw new SenseError("parameterListLengthError");
}
