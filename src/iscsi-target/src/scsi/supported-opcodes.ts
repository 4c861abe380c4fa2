/** REPORT SUPPORTED OPERATION CODES, SPC-4 section 6.35, out of the opcode table. */
import { getU16, getU32, getU8, setU16, setU32 } from "../wire/bytes.ts";
import { type Plan, dataPlan } from "./plan.ts";
import { SenseError } from "./sense.ts";

interface ReportedRow {
  readonly opcode: number;
  readonly serviceAction?: number;
  readonly usage: string;
}

const SUPPORTED = 3;
const NOT_SUPPORTED = 1;
/** Command timeouts descriptor, all zero: no timeout is indicated. */
const TIMEOUTS = Uint8Array.of(0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

export function reportSupportedOpcodes(cdb: Uint8Array, rows: readonly ReportedRow[]): Plan {
  const option = getU8(cdb, 2) & 7;
  const withTimeouts = (getU8(cdb, 2) & 0x80) !== 0;
  const allocation = getU32(cdb, 6);
  if (option === 0) return dataPlan(allCommands(rows, withTimeouts), allocation);
  if (option > 3) throw new SenseError("invalidFieldInCdb", { field: 2 });
  const opcode = getU8(cdb, 3);
  const action = getU16(cdb, 4);
  const known = rows.filter((row) => row.opcode === opcode);
  const hasActions = known.some((row) => row.serviceAction !== undefined);
  // Option 1 asks by opcode alone, option 2 by service action; option 3 takes either and never fails.
  if (option === 1 && hasActions) throw new SenseError("invalidFieldInCdb", { field: 2 });
  if (option === 2 && known.length > 0 && !hasActions)
    throw new SenseError("invalidFieldInCdb", { field: 2 });
  const row = known.find(({ serviceAction = 0 }) => option === 1 || serviceAction === action);
  return dataPlan(oneCommand(row, withTimeouts), allocation);
}

function allCommands(rows: readonly ReportedRow[], withTimeouts: boolean): Uint8Array {
  const entries = rows.map((row) => {
    const entry = new Uint8Array(8);
    entry[0] = row.opcode;
    setU16(entry, 2, row.serviceAction ?? 0);
    entry[5] = (row.serviceAction === undefined ? 0 : 1) | (withTimeouts ? 2 : 0);
    setU16(entry, 6, row.usage.length / 2);
    return withTimeouts ? Buffer.concat([entry, TIMEOUTS]) : entry;
  });
  const list = Buffer.concat(entries);
  const header = new Uint8Array(4);
  setU32(header, 0, list.length);
  return Buffer.concat([header, list]);
}

function oneCommand(row: ReportedRow | undefined, withTimeouts: boolean): Uint8Array {
  if (!row) return Uint8Array.of(0, NOT_SUPPORTED, 0, 0);
  const usage = Uint8Array.fromHex(row.usage);
  const header = Uint8Array.of(0, SUPPORTED | (withTimeouts ? 0x80 : 0), 0, 0);
  setU16(header, 2, usage.length);
  return Buffer.concat(withTimeouts ? [header, usage, TIMEOUTS] : [header, usage]);
}
