/** INQUIRY, SPC-4 section 6.6: standard data; VPD pages are in vpd.ts. */
import { getU16, getU8, setAscii, setU16 } from "../wire/bytes.ts";
import type { LunlessCommand } from "./command.ts";
import { type Plan, dataPlan } from "./plan.ts";
import { SenseError } from "./sense.ts";
import type { Unit } from "./unit.ts";
import { vpdPage } from "./vpd.ts";

export const DIRECT_ACCESS = 0x00;
/** Peripheral qualifier 011b, type 1Fh: the target is not capable of a unit at this LUN. */
const NO_UNIT = 0x7f;
const REMOVABLE_BIT = 0x80;
const SPC_4 = 0x06;
const STANDARD_BYTES = 96;
/** SAM-5, SPC-4, SBC-3, iSCSI, each "no version claimed". */
const VERSION_DESCRIPTORS = [0x00a0, 0x0460, 0x04c0, 0x0960] as const;

export function inquiry({ cdb, unit, targetName }: LunlessCommand): Plan {
  // CMDDT, of old standards: REPORT SUPPORTED OPERATION CODES took its place.
  if (getU8(cdb, 1) & 2) throw new SenseError("invalidFieldInCdb", { field: 1 });
  const wantsVpd = (getU8(cdb, 1) & 1) !== 0;
  const page = getU8(cdb, 2);
  const allocation = getU16(cdb, 3);
  if (wantsVpd) {
    if (!unit) throw new SenseError("lunNotSupported");
    return dataPlan(vpdPage(page, unit, targetName), allocation);
  }
  if (page !== 0) throw new SenseError("invalidFieldInCdb", { field: 2 });
  return dataPlan(standardData(unit), allocation);
}

function standardData(unit: Unit | undefined): Uint8Array {
  const bytes = new Uint8Array(STANDARD_BYTES);
  const { vendor = "ISCSI-TS", product = "Disk", revision = "1" } = unit?.identity ?? {};
  bytes[0] = unit ? DIRECT_ACCESS : NO_UNIT;
  bytes[1] = unit?.isRemovable ? REMOVABLE_BIT : 0;
  bytes[2] = SPC_4;
  bytes[3] = 0x12; // HISUP (hierarchical LUNs), response data format 2
  bytes[4] = STANDARD_BYTES - 5;
  bytes[5] = 0x08; // 3PC: EXTENDED COPY
  bytes[7] = 0x02; // CMDQUE
  setAscii(bytes, 8, 8, vendor);
  setAscii(bytes, 16, 16, product);
  setAscii(bytes, 32, 4, revision);
  VERSION_DESCRIPTORS.forEach((version, i) => setU16(bytes, 58 + 2 * i, version));
  return bytes;
}
