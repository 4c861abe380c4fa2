/** The medium of a removable unit: START STOP UNIT (SBC-3 section 5.25) and PREVENT ALLOW MEDIUM REMOVAL (SPC-4 6.14). */
import { getU8 } from "../wire/bytes.ts";
import type { Command } from "./command.ts";
import { DONE, type Plan } from "./plan.ts";
import { SenseError } from "./sense.ts";
import type { Unit } from "./unit.ts";

export class Medium {
  #isLoaded = true;
  readonly #preventers = new Set<Unit>();

  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  prevent(unit: Unit): void {
    this.#preventers.add(unit);
  }

  /** By one session, or (as a reset does) by all of them. */
  allow(unit?: Unit): void {
    if (unit) this.#preventers.delete(unit);
    else this.#preventers.clear();
  }

  /** A locked drive takes its medium neither out nor in. */
  checkUnlocked(): void {
    if (this.#preventers.size > 0) throw new SenseError("mediumRemovalPrevented");
  }

  eject(): void {
    this.checkUnlocked();
    this.#isLoaded = false;
  }

  /** Returns whether it was out. */
  load(): boolean {
    const wasOut = !this.#isLoaded;
    this.#isLoaded = true;
    return wasOut;
  }
}

const START_BIT = 0x01;
const LOEJ_BIT = 0x02;

/** The disk does not spin: starting is nothing, stopping is a flush, and no power condition changes anything. */
export function startStopUnit({ cdb, unit }: Command): Plan {
  const flags = getU8(cdb, 4);
  if (flags >>> 4 !== 0) return DONE;
  const { medium } = unit.shared;
  const start = (flags & START_BIT) !== 0;
  const loadsOrEjects = (flags & LOEJ_BIT) !== 0;
  if (loadsOrEjects && !unit.isRemovable) throw new SenseError("invalidFieldInCdb", { field: 4 });
  if (loadsOrEjects) medium.checkUnlocked();
  if (start) {
    if (loadsOrEjects && medium.load()) unit.shared.attendOthers(unit, "mediumMayHaveChanged");
    return DONE;
  }
  const stop = async (): Promise<Plan> => {
    await unit.device.flush();
    if (loadsOrEjects) medium.eject();
    return DONE;
  };
  return { kind: "later", work: stop };
}

/** A fixed disk stays where it is, whatever is asked. */
export function preventAllow({ cdb, unit }: Command): Plan {
  const prevent = getU8(cdb, 4) & 3;
  if (prevent > 1) throw new SenseError("invalidFieldInCdb", { field: 4 });
  if (!unit.isRemovable) return DONE;
  if (prevent === 1) unit.shared.medium.prevent(unit);
  else unit.shared.medium.allow(unit);
  return DONE;
}
