/** READ CAPACITY(10) and (16), SBC-3 sections 5.15 and 5.16. */
import { getU32, getU8, setU32, setU64 } from "../wire/bytes.ts";
import type { Command } from "./command.ts";
import { type Plan, dataPlan } from "./plan.ts";
import { SenseError } from "./sense.ts";

const MAX_U32 = 0xffffffff;

export function readCapacity10({ cdb, unit }: Command): Plan {
  const wantsPartial = (getU8(cdb, 8) & 1) !== 0;
  if (!wantsPartial && getU32(cdb, 2) !== 0) throw new SenseError("invalidFieldInCdb", { field: 2 });
  const bytes = new Uint8Array(8);
  setU32(bytes, 0, Math.min(unit.blocks - 1, MAX_U32));
  setU32(bytes, 4, unit.blockSizeBytes);
  return dataPlan(bytes, bytes.length);
}

export function readCapacity16({ cdb, unit }: Command): Plan {
  const bytes = new Uint8Array(32);
  setU64(bytes, 0, unit.blocks - 1);
  setU32(bytes, 8, unit.blockSizeBytes);
  bytes[13] = Math.log2(unit.physicalBlockSizeBytes / unit.blockSizeBytes);
  bytes[14] = 0xc0; // LBPME, LBPRZ
  return dataPlan(bytes, getU32(cdb, 10));
}
