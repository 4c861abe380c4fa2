/** PERSISTENT RESERVE OUT, SPC-4 section 6.16. */
import { getU32, getU8 } from "../../wire/bytes.ts";
import type { Command } from "../command.ts";
import { DONE, type Plan } from "../plan.ts";
import { SenseError } from "../sense.ts";
import type { Unit } from "../unit.ts";
import type { Notice } from "./reservations.ts";
import { reservationType } from "./types.ts";

/** The basic parameter list; a longer one names other ports or moves a registration, which is not offered (SIP_C is 0). */
const PARAMETER_BYTES = 24;
const SPEC_I_PT_BIT = 0x08;
const APTPL_BIT = 0x01;

interface ParameterList {
  readonly key: string;
  readonly serviceActionKey: string;
  readonly persists: boolean;
}

type Act = (unit: Unit, list: ParameterList, type: number) => readonly Notice[];

function register(ignoresKey: boolean): Act {
  return (unit, { key, serviceActionKey, persists }) =>
    unit.shared.reservations.register(unit.port, { key, newKey: serviceActionKey, ignoresKey, persists });
}

/** Aborting what the removed ports have under way comes before their unit attention, so that none is answered after it. */
function preempt(abortsTasks: boolean): Act {
  return (unit, { key, serviceActionKey }, type) => {
    const { shared, port } = unit;
    const { notices, removed } = shared.reservations.preempt(port, key, serviceActionKey, type);
    if (abortsTasks) shared.abortTasks(removed);
    return notices;
  };
}

const reserve: Act = (unit, { key }, type) => {
  unit.shared.reservations.reserve(unit.port, key, type);
  return [];
};
const release: Act = (unit, { key }, type) => unit.shared.reservations.release(unit.port, key, type);
const clear: Act = (unit, { key }) => unit.shared.reservations.clear(unit.port, key);

/** What the opcode rows run; `typed` actions look at scope and type, the others ignore them. */
export const PERSISTENT_OUT = {
  register: persistentOut(register(false)),
  reserve: persistentOut(reserve, "typed"),
  release: persistentOut(release, "typed"),
  clear: persistentOut(clear),
  preempt: persistentOut(preempt(false), "typed"),
  preemptAndAbort: persistentOut(preempt(true), "typed"),
  registerAndIgnore: persistentOut(register(true)),
} as const;

function persistentOut(act: Act, typed?: "typed"): (command: Command) => Plan {
  return ({ cdb, unit }) => {
    const scopeAndType = getU8(cdb, 2);
    const type = scopeAndType & 0x0f;
    if (typed && (scopeAndType >>> 4 !== 0 || !reservationType(type)))
      throw new SenseError("invalidFieldInCdb", { field: 2 });
    if (getU32(cdb, 5) !== PARAMETER_BYTES) throw new SenseError("parameterListLengthError");
    return {
      kind: "parameters",
      length: PARAMETER_BYTES,
      act: (bytes) => {
        for (const { sense, ports } of act(unit, decode(bytes), type)) unit.shared.attend(ports, sense);
        const { saved } = unit.shared.reservations;
        return saved ? saved.then(() => DONE) : DONE;
      },
    };
  };
}

function decode(bytes: Uint8Array): ParameterList {
  const flags = getU8(bytes, 20);
  if (flags & SPEC_I_PT_BIT) throw new SenseError("invalidFieldInParameterList", { field: 20 });
  return {
    key: bytes.subarray(0, 8).toHex(),
    serviceActionKey: bytes.subarray(8, 16).toHex(),
    persists: (flags & APTPL_BIT) !== 0,
  };
}
