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

const rowsByOpcode: ReadonlyMap<number, readonly OpcodeRow[]> = Map.groupBy(
  OPCODE_ROWS,
  ({ opcode }) => opcode,
);

/** Throws SenseError for whatever ends in CHECK CONDITION, and ReservationConflict. */
export function planCommand(cdb: Uint8Array, lun: number, { units, luns, targetName }: UnitSet): Plan {
  const unit = units.get(lun);
  const rows = rowsByOpcode.get(getU8(cdb, 0));
  const row = rows && findRow(cdb, rows);
  if (row?.at === "anyLun") {
    checkControl(cdb, row);
    return row.run({ cdb, unit, units, luns, targetName });
  }
  if (!unit) throw new SenseError("lunNotSupported");
  const attention = unit.takeAttention();
  if (attention) throw new SenseError(attention);
  if (!row)
    throw rows
      ? new SenseError("invalidFieldInCdb", { field: 1 })
      : new SenseError("invalidOpcode", { field: 0 });
  checkControl(cdb, row);
  unit.shared.reservations.check(unit.port, row.access);
  if (!unit.shared.medium.isLoaded && !row.needsNoMedium) throw new SenseError("mediumNotPresent");
  const plan = row.run({ cdb, unit, units, luns, targetName });
  // A CDB that is wrong is wrong on any disk, and a write of nothing changes none.
  if (row.access === "write" && unit.writeProtection && !isNothing(plan))
    throw new SenseError(unit.writeProtection);
  return plan;
}

function isNothing(plan: Plan): boolean {
  return plan.kind === "done" || (plan.kind === "write" && plan.length === 0);
}

function findRow(cdb: Uint8Array, rows: readonly OpcodeRow[]): OpcodeRow | undefined {
  const action = getU8(cdb, 1) & SERVICE_ACTION_BITS;
  return rows.find((row) => row.serviceAction === undefined || row.serviceAction === action);
}

/** The control byte ends the CDB; a normal ACA is more than this target has (NormACA is 0 in INQUIRY data). */
function checkControl(cdb: Uint8Array, row: OpcodeRow): void {
  const last = row.usage.length / 2 - 1;
  if (getU8(cdb, last) & NACA_BIT) throw new SenseError("invalidFieldInCdb", { field: last });
}
