/** Commands that look at blocks before they write them, as one step that nothing comes between: SBC-3 4.29 and 4.27. */
import { getU64, getU8 } from "../wire/bytes.ts";
import { hasFua, transferRange } from "./blocks.ts";
import type { Command } from "./command.ts";
import { MAX_COMPARE_AND_WRITE_BYTES, MAX_GATHER_BYTES } from "./limits.ts";
import { DONE, type Plan } from "./plan.ts";
import { SenseError } from "./sense.ts";
import type { Unit } from "./unit.ts";

const PROTECT_BITS = 0xe0;
/** A write that comes between looking and writing makes it look again; a host that never stops gets an error instead. */
const MAX_ATTEMPTS = 16;

/** ATS of ESXi: the first half of the data is compared, and where all of it is equal the second half is written. */
export function compareAndWrite({ cdb, unit }: Command): Plan {
  if (getU8(cdb, 1) & PROTECT_BITS) throw new SenseError("invalidFieldInCdb", { field: 1 });
  const { offset, length } = unit.range(getU64(cdb, 2), getU8(cdb, 13));
  if (length === 0) return DONE;
  if (length > MAX_COMPARE_AND_WRITE_BYTES) throw new SenseError("invalidFieldInCdb", { field: 13 });
  return {
    kind: "parameters",
    length: 2 * length,
    isExact: true,
    act: (data) =>
      modify(unit, offset, length, hasFua(cdb, 16), (held) => {
        const different = held.findIndex((byte, i) => byte !== data[i]);
        if (different >= 0) throw new SenseError("miscompare", { information: different });
        return data.subarray(length);
      }),
  };
}

/** ORWRITE(16), SBC-3 5.7: bits can be set and never taken back. */
export function orWrite({ cdb, unit }: Command): Plan {
  const { offset, length } = transferRange(cdb, 16, unit);
  if (length === 0) return DONE;
  if (length > MAX_GATHER_BYTES) throw new SenseError("invalidFieldInCdb", { field: 10 });
  return {
    kind: "parameters",
    length,
    act: (data) =>
      modify(unit, offset, length, hasFua(cdb, 16), (held) => {
        data.forEach((byte, i) => (held[i] = getU8(held, i) | byte));
        return held;
      }),
  };
}

async function modify(
  unit: Unit,
  offset: number,
  length: number,
  flush: boolean,
  change: (held: Uint8Array) => Uint8Array,
): Promise<Plan> {
  const held = new Uint8Array(length);
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    await unit.prepare(offset, length);
    const watch = unit.shared.watch(offset, length);
    try {
      if (!unit.device.tryRead(held, offset)) await unit.device.read(held, offset);
      if (watch.isTouched) continue;
      unit.write(change(held), offset);
    } finally {
      watch.end();
    }
    if (flush) await unit.device.flush();
    return DONE;
  }
  throw new SenseError("insufficientResources");
}
