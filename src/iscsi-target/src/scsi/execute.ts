/** From a CDB to a plan: the checks that all commands share, in the order of SAM-5 5.14 and SPC-4 4.2. */
import { getU8 } from "../wire/bytes.ts";
import { OPCODE_ROWS } from "./opcodes.ts";
import type { OpcodeRow } from "./opcodes/row.ts";
import type { Plan } from "./plan.ts";
import { SenseError } from "./sense.ts";
import type { Unit } from "./unit.ts";

/** Units of one session by LUN. */
export interface UnitSet {
  readonly targetName: string;
  readonly units: ReadonlyMap<number, Unit>;
  readonly luns: readonly number[];
}

const NACA_BIT = 0x04;
const SERVICE_ACTION_BITS = 0x1f;

const rowsByOpcode = new Map<number, readonly OpcodeRow[]>();
for (const row of OPCODE_ROWS) rowsByOpcode.set(row.opcode, [...(rowsByOpcode.get(row.opcode) ?? []), row]);

/** Throws SenseError for whatever ends in CHECK CONDITION, and ReservationConflict. */
export function planCommand(cdb: Uint8Array, lun: number, { units, luns, targetName }: UnitSet): Plan {
  const unit = units.get(lun);
  const row = findRow(cdb);
  if (row?.at === "anyLun") {
    checkControl(cdb, row);
    return row.run({ cdb, unit, units, luns, targetName });
  }
  if (!unit) throw new SenseError("lunNotSupported");
  const attention = unit.takeAttention();
  if (attention) throw new SenseError(attention);
  if (!row) throw unknownCommand(cdb);
  checkControl(cdb, row);
  unit.shared.reservations.check(unit.port, row.access);
  if (!unit.shared.medium.isLoaded && !row.needsNoMedium) throw new SenseError("mediumNotPresent");
  if (row.access === "write" && unit.writeProtection) throw new SenseError(unit.writeProtection);
  return row.run({ cdb, unit, units, luns, targetName });
}

function findRow(cdb: Uint8Array): OpcodeRow | undefined {
  const rows = rowsByOpcode.get(getU8(cdb, 0));
  if (!rows) return undefined;
  const action = getU8(cdb, 1) & SERVICE_ACTION_BITS;
  return rows.find((row) => row.serviceAction === undefined || row.serviceAction === action);
}

function unknownCommand(cdb: Uint8Array): SenseError {
  const opcodeIsKnown = rowsByOpcode.has(getU8(cdb, 0));
  return opcodeIsKnown
    ? new SenseError("invalidFieldInCdb", { field: 1 })
    : new SenseError("invalidOpcode", { field: 0 });
}

/** The control byte ends the CDB; a normal ACA is more than this target has (NormACA is 0 in INQUIRY data). */
function checkControl(cdb: Uint8Array, row: OpcodeRow): void {
  const last = row.usage.length / 2 - 1;
  if (getU8(cdb, last) & NACA_BIT) throw new SenseError("invalidFieldInCdb", { field: last });
}
