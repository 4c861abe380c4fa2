import type { Command, LunlessCommand } from "../command.ts";
import type { Plan } from "../plan.ts";
import type { Access } from "../reservations/reservations.ts";

interface RowBase {
  readonly opcode: number;
  readonly serviceAction?: number;
  readonly name: string;
  /** CDB usage data of SPC-4 6.35.3: a set bit is looked at (the service action holds its value). */
  readonly usage: string;
  /** What reservations allow of it; "write" changes the medium, and is refused when that is read-only. */
  readonly access: Access;
  /** Answered too while the medium is out. */
  readonly needsNoMedium?: true;
}

/** One command of the disk, as the decoder, the shared checks and REPORT SUPPORTED OPERATION CODES read it. */
export type OpcodeRow =
  | (RowBase & { readonly at: "unit"; readonly run: (command: Command) => Plan })
  /** Answered at every LUN, and while a unit attention waits (SPC-4 table 36). */
  | (RowBase & { readonly at: "anyLun"; readonly run: (command: LunlessCommand) => Plan });
