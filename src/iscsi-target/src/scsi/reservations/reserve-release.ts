/** RESERVE and RELEASE of SPC-2 (sections 7.21 and 7.16), the whole unit alone: AIX and older clusters still use them. */
import { getU8 } from "../../wire/bytes.ts";
import type { Command } from "../command.ts";
import { DONE, type Plan } from "../plan.ts";
import { SenseError } from "../sense.ts";

/** Third party reservations and those of an extent are obsolete since SPC-2. */
const THIRD_PARTY_OR_EXTENT_BITS = 0x11;

export function reserveUnit({ cdb, unit }: Command): Plan {
  checkWholeUnit(cdb);
  unit.shared.reservations.reserveUnit(unit.port);
  return DONE;
}

export function releaseUnit({ cdb, unit }: Command): Plan {
  checkWholeUnit(cdb);
  unit.shared.reservations.releaseUnit(unit.port);
  return DONE;
}

function checkWholeUnit(cdb: Uint8Array): void {
  if (getU8(cdb, 1) & THIRD_PARTY_OR_EXTENT_BITS) throw new SenseError("invalidFieldInCdb", { field: 1 });
}
