import type { Unit } from "./unit.ts";

/** A CDB with what it may look at. */
export interface Command {
  readonly cdb: Uint8Array;
  readonly unit: Unit;
  /** All units of this session. */
  readonly units: ReadonlyMap<number, Unit>;
  /** Every LUN of this session, for REPORT LUNS. */
  readonly luns: readonly number[];
  readonly targetName: string;
}

/** A CDB whose LUN need not exist. */
export type LunlessCommand = Omit<Command, "unit"> & { readonly unit: Unit | undefined };
