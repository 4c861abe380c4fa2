/** READ DEFECT DATA(10) and (12), SBC-3 sections 5.17 and 5.18: a virtual disk has no defects, and says so in any format. */
import { getU16, getU32, getU8 } from "../wire/bytes.ts";
import type { Command } from "./command.ts";
import { type Plan, dataPlan } from "./plan.ts";

/** REQ_PLIST, REQ_GLIST and the format, which the header repeats. */
const REQUEST_BITS = 0x1f;

export function readDefectData10({ cdb }: Command): Plan {
  return dataPlan(Uint8Array.of(0, getU8(cdb, 2) & REQUEST_BITS, 0, 0), getU16(cdb, 7));
}

export function readDefectData12({ cdb }: Command): Plan {
  return dataPlan(Uint8Array.of(0, getU8(cdb, 1) & REQUEST_BITS, 0, 0, 0, 0, 0, 0), getU32(cdb, 6));
}
