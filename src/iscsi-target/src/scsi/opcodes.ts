/** Every command of the disk, one row each, out of the families of ./opcodes. */
import { BLOCK_ROWS } from "./opcodes/blocks.ts";
import { COPY_ROWS } from "./opcodes/copy.ts";
import { DISK_ROWS } from "./opcodes/disk.ts";
import { PRIMARY_ROWS } from "./opcodes/primary.ts";
import { PROVISIONING_ROWS } from "./opcodes/provisioning.ts";
import { RESERVATION_ROWS } from "./opcodes/reservations.ts";
import type { OpcodeRow } from "./opcodes/row.ts";
import { reportSupportedOpcodes } from "./supported-opcodes.ts";

/** It tells of the others, so it stands where they come together. */
const REPORT_ROW: OpcodeRow = {
  opcode: 0xa3,
  serviceAction: 0x0c,
  name: "REPORT SUPPORTED OPERATION CODES",
  usage: "a30c87ffffffffffffff0004",
  access: "status",
  needsNoMedium: true,
  at: "unit",
  run: ({ cdb }) => reportSupportedOpcodes(cdb, OPCODE_ROWS),
};

/** In the order of their codes. */
export const OPCODE_ROWS: readonly OpcodeRow[] = [
  ...PRIMARY_ROWS,
  ...DISK_ROWS,
  ...BLOCK_ROWS,
  ...PROVISIONING_ROWS,
  ...RESERVATION_ROWS,
  ...COPY_ROWS,
  REPORT_ROW,
].toSorted((a, b) => a.opcode - b.opcode || (a.serviceAction ?? 0) - (b.serviceAction ?? 0));
