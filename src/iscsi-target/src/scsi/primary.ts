/** Primary commands that need no file of their own, SPC-4 section 6 and SBC-3 section 5.25. */
import { getU16, getU32, getU8, setU32 } from "../wire/bytes.ts";
import { encodeLun } from "../pdu/lun.ts";
import type { Command, LunlessCommand } from "./command.ts";
import { DONE, type Plan, dataPlan } from "./plan.ts";
import { SenseError, encodeDescriptorSense, encodeFixedSense } from "./sense.ts";

export function testUnitReady(): Plan {
  return DONE;
}

/** SPC-4 6.39: a waiting unit attention becomes the data, and is thereby reported; at a wrong LUN the data says so. */
export function requestSense({ cdb, unit }: LunlessCommand): Plan {
  const sense = new SenseError(unit ? (unit.takeAttention() ?? "noSense") : "lunNotSupported");
  const asDescriptor = (getU8(cdb, 1) & 1) !== 0;
  return dataPlan(asDescriptor ? encodeDescriptorSense(sense) : encodeFixedSense(sense), getU8(cdb, 4));
}

const SELF_TEST_CODE_BITS = 0xe0;

/**
 * SPC-4 6.42: the default self-test, which a disk has to offer (SBC-3 section 5.1). There is no hardware of ours to be tested: a unit
 * that can answer is in order. Extended tests and pages would have results to be asked for, and are not there.
 */
export function sendDiagnostic({ cdb }: Command): Plan {
  if ((getU8(cdb, 1) & SELF_TEST_CODE_BITS) !== 0) throw new SenseError("invalidFieldInCdb", { field: 1 });
  if (getU16(cdb, 3) !== 0) throw new SenseError("invalidFieldInCdb", { field: 3 });
  return DONE;
}

/** SELECT REPORT: 0 all that are addressed as we do, 1 well known units (none here), 2 all. */
export function reportLuns({ cdb, luns }: LunlessCommand): Plan {
  const select = getU8(cdb, 2);
  const allocation = getU32(cdb, 6);
  if (select > 2) throw new SenseError("invalidFieldInCdb", { field: 2 });
  if (allocation < 16) throw new SenseError("invalidFieldInCdb", { field: 6 });
  const listed = select === 1 ? [] : luns;
  const bytes = new Uint8Array(8 + 8 * listed.length);
  setU32(bytes, 0, 8 * listed.length);
  listed.forEach((lun, i) => encodeLun(lun, bytes, 8 + 8 * i));
  return dataPlan(bytes, allocation);
}
