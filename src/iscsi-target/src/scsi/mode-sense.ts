/** MODE SENSE(6) and (10), SPC-4 sections 6.11 and 6.12, over rows of mode pages. */
import { getU16, getU8, setU16, setU32, setU64 } from "../wire/bytes.ts";
import type { Command } from "./command.ts";
import { DEFAULT_MODE, MODE_PAGE_ROWS } from "./mode-pages.ts";
import { type Plan, dataPlan } from "./plan.ts";
import { SenseError } from "./sense.ts";

const ALL_PAGES = 0x3f;
const ALL_SUBPAGES = 0xff;
const PAGE_CONTROL = { current: 0, changeable: 1, default: 2, saved: 3 } as const;
const WRITE_PROTECT = 0x80;
const DPO_AND_FUA = 0x10;

export function modeSense6({ cdb, unit }: Command): Plan {
  const pages = modePages(cdb, unit);
  const descriptor = wantsDescriptor(cdb) ? shortDescriptor(unit) : new Uint8Array(0);
  const header = new Uint8Array(4);
  header[0] = 3 + descriptor.length + pages.length;
  header[2] = deviceSpecific(unit);
  header[3] = descriptor.length;
  return dataPlan(Buffer.concat([header, descriptor, pages]), getU8(cdb, 4));
}

export function modeSense10({ cdb, unit }: Command): Plan {
  const pages = modePages(cdb, unit);
  const long = (getU8(cdb, 1) & 0x10) !== 0;
  let descriptor: Uint8Array = new Uint8Array(0);
  if (wantsDescriptor(cdb)) descriptor = long ? longDescriptor(unit) : shortDescriptor(unit);
  const header = new Uint8Array(8);
  setU16(header, 0, 6 + descriptor.length + pages.length);
  header[3] = deviceSpecific(unit);
  header[4] = long ? 1 : 0;
  setU16(header, 6, descriptor.length);
  return dataPlan(Buffer.concat([header, descriptor, pages]), getU16(cdb, 7));
}

function wantsDescriptor(cdb: Uint8Array): boolean {
  return (getU8(cdb, 1) & 0x08) === 0;
}

function deviceSpecific(unit: Command["unit"]): number {
  return (unit.writeProtection ? WRITE_PROTECT : 0) | DPO_AND_FUA;
}

function modePages(cdb: Uint8Array, unit: Command["unit"]): Uint8Array {
  const control = getU8(cdb, 2) >>> 6;
  const page = getU8(cdb, 2) & 0x3f;
  const subpage = getU8(cdb, 3);
  if (control === PAGE_CONTROL.saved) throw new SenseError("savingParametersNotSupported");
  if (subpage !== 0 && subpage !== ALL_SUBPAGES) throw new SenseError("invalidFieldInCdb", { field: 3 });
  const rows = MODE_PAGE_ROWS.filter((row) => page === ALL_PAGES || row.page === page);
  if (rows.length === 0) throw new SenseError("invalidFieldInCdb", { field: 2 });
  return Buffer.concat(
    rows.flatMap(({ page, body, change }) => {
      const now = body(control === PAGE_CONTROL.default ? DEFAULT_MODE : unit.shared.mode);
      const told = control === PAGE_CONTROL.changeable ? (change?.mask ?? new Uint8Array(now.length)) : now;
      return [Uint8Array.of(page, now.length), told];
    }),
  );
}

function shortDescriptor(unit: Command["unit"]): Uint8Array {
  const bytes = new Uint8Array(8);
  setU32(bytes, 0, Math.min(unit.blocks, 0xffffffff));
  setU32(bytes, 4, unit.blockSizeBytes);
  return bytes;
}

function longDescriptor(unit: Command["unit"]): Uint8Array {
  const bytes = new Uint8Array(16);
  setU64(bytes, 0, unit.blocks);
  setU32(bytes, 12, unit.blockSizeBytes);
  return bytes;
}
