import { describe, expect, test } from "bun:test";
import { RamDevice } from "../../../testing/ram-device.ts";
import { unitOf } from "../../../testing/serve.ts";
import { getU16, getU32 } from "../../wire/bytes.ts";
import { type UnitSet, planCommand } from "../execute.ts";
import { ReservationConflict, SenseError } from "../sense.ts";
import { SharedUnit, SharedUnits } from "../shared-unit.ts";
import { Unit } from "../unit.ts";
import { encodeTransportId } from "./persistent-in.ts";
import { MAX_REGISTRATIONS } from "./reservations.ts";
import type { Plan } from "../plan.ts";
import type { ReservationState, ReservationStore } from "./state.ts";
import { RESERVATION_TYPE_ROWS } from "./types.ts";

const KEY = { a: "00000000000000aa", b: "00000000000000bb", c: "00000000000000cc", none: "0000000000000000" };
const OUT = { register: 0, reserve: 1, release: 2, clear: 3, preempt: 4, preemptAndAbort: 5, ignore: 6 };
const WRITE_EXCLUSIVE = 1;
const EXCLUSIVE = 3;
const READ_ONE_BLOCK = [0x28, 0, 0, 0, 0, 0, 0, 0, 1];
const WRITE_ONE_BLOCK = [0x2a, 0, 0, 0, 0, 0, 0, 0, 1];
const TEST_UNIT_READY = [0x00];
const INQUIRY = [0x12, 0, 0, 0, 36];

/** One host's view of the unit, in words. */
class Host {
  readonly unit: Unit;
  readonly #set: UnitSet;

  constructor(name: string, shared: SharedUnit, isid = "400000000001") {
    const port = { initiatorName: `iqn.2026-01.test:${name}`, isid };
    this.unit = new Unit(unitOf(new RamDevice(65536)), port, shared);
    this.unit.takeAttention();
    this.#set = { targetName: "iqn.2026-01.test:disk", units: new Map([[0, this.unit]]), luns: [0] };
  }

  /** "good", "conflict" or the name of the sense. */
  run(cdb: readonly number[], list?: Uint8Array): string {
    const bytes = new Uint8Array(16);
    bytes.set(cdb);
    try {
      const plan = planCommand(bytes, 0, this.#set);
      if (plan.kind === "parameters" && list) void plan.act(list);
      return "good";
    } catch (error) {
      if (error instanceof ReservationConflict) return "conflict";
      if (error instanceof SenseError) return error.sense;
      throw error;
    }
  }

  /** Runs the act of a command with a parameter list, and returns what it returns. */
  act(cdb: readonly number[], list: Uint8Array): Plan | Promise<Plan> {
    const bytes = new Uint8Array(16);
    bytes.set(cdb);
    const plan = planCommand(bytes, 0, this.#set);
    if (plan.kind !== "parameters") throw new Error(plan.kind);
    return plan.act(list);
  }

  out(action: keyof typeof OUT, key: string, newKey = KEY.none, type = 0, flags = 0): string {
    const list = new Uint8Array(24);
    list.set(Uint8Array.fromHex(key + newKey));
    list[20] = flags;
    return this.run([0x5f, OUT[action], type, 0, 0, 0, 0, 0, 24], list);
  }

  in(action: number, allocation = 0xff): Uint8Array {
    const cdb = new Uint8Array(16);
    cdb.set([0x5e, action, 0, 0, 0, 0, 0, 0, allocation]);
    const plan = planCommand(cdb, 0, this.#set);
    if (plan.kind !== "data") throw new Error(plan.kind);
    return plan.bytes;
  }

  get keys(): string[] {
    const bytes = this.in(0);
    return Array.from({ length: getU32(bytes, 4) / 8 }, (_, i) =>
      bytes.subarray(8 + 8 * i, 16 + 8 * i).toHex(),
    );
  }

  /** Key and type of the reservation, or undefined. */
  get reservation(): [string, number] | undefined {
    const bytes = this.in(1);
    return getU32(bytes, 4) === 0 ? undefined : [bytes.subarray(8, 16).toHex(), bytes[21] ?? 0];
  }
}

function registration(newKey: string, flags: number): Uint8Array {
  const list = new Uint8Array(24);
  list.set(Uint8Array.fromHex(newKey), 8);
  list[20] = flags;
  return list;
}

function hosts(store?: ReservationStore): { shared: SharedUnit; a: Host; b: Host; c: Host } {
  const shared = new SharedUnit(store ? { reservations: store } : {});
  return { shared, a: new Host("a", shared), b: new Host("b", shared), c: new Host("c", shared) };
}

describe("a registration", () => {
  test("is made, changed and taken back by its own key alone, and each change counts", () => {
    const { a } = hosts();
    expect(a.out("register", KEY.a, KEY.b)).toBe("conflict");
    expect(a.out("register", KEY.none, KEY.a)).toBe("good");
    expect(a.keys).toEqual([KEY.a]);
    expect(a.out("register", KEY.none, KEY.b)).toBe("conflict");
    expect(a.out("register", KEY.a, KEY.b)).toBe("good");
    expect(a.out("ignore", KEY.c, KEY.c)).toBe("good");
    expect(a.keys).toEqual([KEY.c]);
    expect(a.out("register", KEY.c, KEY.none)).toBe("good");
    expect(a.keys).toEqual([]);
    expect(getU32(a.in(0), 0)).toBe(4);
  });

  test("outlives its session, and the same initiator finds it again", () => {
    const units = new SharedUnits();
    const identity = unitOf(new RamDevice(65536));
    const first = new Host("a", units.of(identity));
    first.out("register", KEY.none, KEY.a);
    first.out("reserve", KEY.a, KEY.none, EXCLUSIVE);
    units.detach(first.unit);
    const again = new Host("a", units.of(identity));
    expect(again.run(WRITE_ONE_BLOCK)).toBe("good");
    expect(again.out("release", KEY.a, KEY.none, EXCLUSIVE)).toBe("good");
    expect(new Host("b", units.of(identity)).keys).toEqual([KEY.a]);
  });

  test("outlives the server when it is asked to and there is a store, and is refused when there is none", () => {
    expect(hosts().a.out("register", KEY.none, KEY.a, 0, 0x01)).toBe("invalidFieldInParameterList");
    let kept: ReservationState | undefined;
    const store: ReservationStore = { load: () => kept, save: (state) => void (kept = state) };
    const { a } = hosts(store);
    expect(a.out("register", KEY.none, KEY.a)).toBe("good");
    expect(kept).toBeUndefined();
    expect(a.out("ignore", KEY.none, KEY.a, 0, 0x01)).toBe("good");
    expect(a.out("reserve", KEY.a, KEY.none, EXCLUSIVE)).toBe("good");
    const after = hosts(store);
    expect(after.b.reservation).toEqual([KEY.a, EXCLUSIVE]);
    expect(after.b.run(READ_ONE_BLOCK)).toBe("conflict");
    expect((after.b.in(2)[2] ?? 0) & 1).toBe(1);
  });

  test("is answered once it is kept, and not at all when it cannot be", async () => {
    const kept = Promise.withResolvers<void>();
    const slow = hosts({ load: () => undefined, save: () => kept.promise });
    const answer = slow.a.act([0x5f, OUT.ignore, 0, 0, 0, 0, 0, 0, 24], registration(KEY.a, 0x01));
    if (!(answer instanceof Promise)) throw new Error("it did not wait");
    expect(await Promise.race([answer.then(() => "answered"), Promise.resolve("waits")])).toBe("waits");
    kept.resolve();
    expect(await answer).toEqual({ kind: "done" });
    const broken = hosts({
      load: () => undefined,
      save: () => {
        throw new Error("no room");
      },
    });
    expect(() => broken.a.act([0x5f, OUT.ignore, 0, 0, 0, 0, 0, 0, 24], registration(KEY.a, 0x01))).toThrow(
      "no room",
    );
    expect(broken.a.keys).toEqual([]);
  });

  test("passes to the same host under its next random ISID, with what it holds", () => {
    const units = new SharedUnits();
    const unit = units.of(unitOf(new RamDevice(65536)));
    const first = new Host("a", unit, "80aaaaaa0000");
    first.out("register", KEY.none, KEY.a);
    first.out("reserve", KEY.a, KEY.none, EXCLUSIVE);
    const path = new Host("a", unit, "80bbbbbb0000");
    expect(path.run(READ_ONE_BLOCK)).toBe("conflict");
    units.detach(first.unit);
    expect(path.run(WRITE_ONE_BLOCK)).toBe("good");
    units.detach(path.unit);
    expect(new Host("b", unit, "80cccccc0000").run(READ_ONE_BLOCK)).toBe("conflict");
    const again = new Host("a", unit, "80dddddd0000");
    expect(again.run(WRITE_ONE_BLOCK)).toBe("good");
    expect(again.keys).toEqual([KEY.a]);
    expect(again.out("release", KEY.a, KEY.none, EXCLUSIVE)).toBe("good");
  });

  test("stays with an ISID that is not random, for that port comes back as itself", () => {
    const units = new SharedUnits();
    const unit = units.of(unitOf(new RamDevice(65536)));
    const first = new Host("a", unit, "00023d000001");
    first.out("register", KEY.none, KEY.a);
    first.out("reserve", KEY.a, KEY.none, EXCLUSIVE);
    units.detach(first.unit);
    expect(new Host("a", unit, "00023d000002").run(READ_ONE_BLOCK)).toBe("conflict");
    expect(new Host("a", unit, "80aaaaaa0000").run(READ_ONE_BLOCK)).toBe("conflict");
    expect(new Host("a", unit, "00023d000001").run(READ_ONE_BLOCK)).toBe("good");
  });

  test("is one of a bounded number", () => {
    const shared = new SharedUnit({});
    const ports = Array.from({ length: MAX_REGISTRATIONS + 1 }, (_, i) => new Host(`h${i}`, shared));
    const answers = ports.map((host) => host.out("register", KEY.none, KEY.a));
    expect(answers.at(-1)).toBe("insufficientRegistrationResources");
    expect(answers.slice(0, -1).every((answer) => answer === "good")).toBe(true);
  });
});

describe("a persistent reservation", () => {
  for (const { type, name, isWriteExclusive, admits } of RESERVATION_TYPE_ROWS) {
    test(`of type ${name} lets in whom it should`, () => {
      const { a, b, c } = hosts();
      a.out("register", KEY.none, KEY.a);
      b.out("register", KEY.none, KEY.b);
      expect(c.out("reserve", KEY.c, KEY.none, type)).toBe("conflict");
      expect(a.out("reserve", KEY.a, KEY.none, type)).toBe("good");
      expect(a.out("reserve", KEY.a, KEY.none, type)).toBe("good");
      const others = admits === "holder" ? "conflict" : "good";
      const read = isWriteExclusive ? "good" : "conflict";
      expect([a.run(READ_ONE_BLOCK), a.run(WRITE_ONE_BLOCK)]).toEqual(["good", "good"]);
      expect([b.run(READ_ONE_BLOCK), b.run(WRITE_ONE_BLOCK)]).toEqual([
        isWriteExclusive ? "good" : others,
        others,
      ]);
      expect([c.run(READ_ONE_BLOCK), c.run(WRITE_ONE_BLOCK)]).toEqual([read, "conflict"]);
      expect([c.run(TEST_UNIT_READY), c.run(INQUIRY)]).toEqual(["good", "good"]);
      expect(b.reservation).toEqual([admits === "allRegistrants" ? KEY.none : KEY.a, type]);
    });

    test(`of type ${name} ends with its last holder, and tells those whom it let in`, () => {
      const { a, b } = hosts();
      a.out("register", KEY.none, KEY.a);
      b.out("register", KEY.none, KEY.b);
      a.out("reserve", KEY.a, KEY.none, type);
      expect(a.out("register", KEY.a, KEY.none)).toBe("good");
      if (admits === "allRegistrants") expect(b.reservation).toEqual([KEY.none, type]);
      else expect(b.run(TEST_UNIT_READY)).toBe(admits === "registrants" ? "reservationsReleased" : "good");
      b.out("register", KEY.b, KEY.none);
      expect(b.reservation).toBeUndefined();
    });
  }

  test("is released by its holder and its own type only", () => {
    const { a, b } = hosts();
    a.out("register", KEY.none, KEY.a);
    b.out("register", KEY.none, KEY.b);
    a.out("reserve", KEY.a, KEY.none, EXCLUSIVE);
    expect(b.out("release", KEY.b, KEY.none, EXCLUSIVE)).toBe("good");
    expect(a.out("release", KEY.a, KEY.none, WRITE_EXCLUSIVE)).toBe("invalidRelease");
    expect(a.reservation).toEqual([KEY.a, EXCLUSIVE]);
    expect(a.out("release", KEY.a, KEY.none, EXCLUSIVE)).toBe("good");
    expect(a.reservation).toBeUndefined();
  });

  test("is cleared with all registrations by anyone who has registered", () => {
    const { a, b, c } = hosts();
    a.out("register", KEY.none, KEY.a);
    b.out("register", KEY.none, KEY.b);
    a.out("reserve", KEY.a, KEY.none, EXCLUSIVE);
    expect(c.out("clear", KEY.c)).toBe("conflict");
    expect(b.out("clear", KEY.b)).toBe("good");
    expect(b.keys).toEqual([]);
    expect(a.run(WRITE_ONE_BLOCK)).toBe("reservationsPreempted");
    expect(c.run(WRITE_ONE_BLOCK)).toBe("good");
  });

  test("is taken over by a preemption, which aborts the loser's tasks when it is told to", () => {
    const { a, b, c } = hosts();
    a.out("register", KEY.none, KEY.a);
    b.out("register", KEY.none, KEY.b);
    c.out("register", KEY.none, KEY.c);
    a.out("reserve", KEY.a, KEY.none, EXCLUSIVE);
    const aborted: string[] = [];
    for (const [name, host] of Object.entries({ a, b, c }))
      host.unit.abortTasks = () => void aborted.push(name);
    expect(b.out("preempt", KEY.b, KEY.none, EXCLUSIVE)).toBe("invalidFieldInParameterList");
    expect(b.out("preempt", KEY.b, "00000000000000dd", EXCLUSIVE)).toBe("conflict");
    expect(b.out("preemptAndAbort", KEY.b, KEY.a, WRITE_EXCLUSIVE)).toBe("good");
    expect(aborted).toEqual(["a"]);
    expect(b.reservation).toEqual([KEY.b, WRITE_EXCLUSIVE]);
    expect(b.keys).toEqual([KEY.b, KEY.c]);
    expect(a.run(TEST_UNIT_READY)).toBe("registrationsPreempted");
    expect(c.run(TEST_UNIT_READY)).toBe("reservationsReleased");
    expect(a.run(WRITE_ONE_BLOCK)).toBe("conflict");
  });

  test("stays when only the registration of somebody else is preempted", () => {
    const { a, b } = hosts();
    a.out("register", KEY.none, KEY.a);
    b.out("register", KEY.none, KEY.b);
    a.out("reserve", KEY.a, KEY.none, EXCLUSIVE);
    expect(a.out("preempt", KEY.a, KEY.b, EXCLUSIVE)).toBe("good");
    expect([a.reservation, a.keys]).toEqual([[KEY.a, EXCLUSIVE], [KEY.a]]);
  });

  test("with an unknown type, another scope or a list of another length is refused", () => {
    const { a } = hosts();
    a.out("register", KEY.none, KEY.a);
    expect(a.out("reserve", KEY.a, KEY.none, 2)).toBe("invalidFieldInCdb");
    expect(a.out("reserve", KEY.a, KEY.none, 0x11)).toBe("invalidFieldInCdb");
    expect(a.run([0x5f, 0, 0, 0, 0, 0, 0, 0, 23])).toBe("parameterListLengthError");
    expect(a.out("register", KEY.a, KEY.b, 0, 0x08)).toBe("invalidFieldInParameterList");
    expect(a.run([0x5e, 4])).toBe("invalidFieldInCdb");
  });
});

describe("PERSISTENT RESERVE IN", () => {
  test("describes each registration in full, with the name and ISID of its initiator", () => {
    const { a, b } = hosts();
    a.out("register", KEY.none, KEY.a);
    b.out("register", KEY.none, KEY.b);
    b.out("reserve", KEY.b, KEY.none, EXCLUSIVE);
    const bytes = a.in(3);
    expect(bytes).toHaveLength(8 + getU32(bytes, 4));
    const transportId = encodeTransportId(a.unit.port);
    expect(transportId.length % 4).toBe(0);
    expect(transportId).toHaveLength(4 + getU16(transportId, 2));
    expect(new TextDecoder().decode(transportId)).toContain("iqn.2026-01.test:a,i,0x400000000001\0");
    const second = 8 + 24 + transportId.length;
    expect([bytes[8 + 12], bytes[second + 12], bytes[second + 13]]).toEqual([0, 1, EXCLUSIVE]);
    expect(bytes.subarray(second, second + 8).toHex()).toBe(KEY.b);
  });

  test("lists every type among the capabilities", () => {
    expect(hosts().a.in(2).toHex()).toBe("00080480ea010000");
  });

  test("is cut to the allocation length without an error, and tells the whole length", () => {
    const { a } = hosts();
    a.out("register", KEY.none, KEY.a);
    const bytes = a.in(0, 12);
    expect([bytes.length, getU32(bytes, 4)]).toEqual([12, 8]);
  });
});

describe("RESERVE and RELEASE", () => {
  for (const [size, reserve, release] of [
    [6, 0x16, 0x17],
    [10, 0x56, 0x57],
  ] as const) {
    test(`of ${size} bytes shut everyone else out of all but being recognised`, () => {
      const { a, b } = hosts();
      expect(a.run([reserve])).toBe("good");
      expect(b.run([reserve])).toBe("conflict");
      expect(b.run(TEST_UNIT_READY)).toBe("conflict");
      expect(b.out("register", KEY.none, KEY.b)).toBe("conflict");
      expect(b.run(INQUIRY)).toBe("good");
      expect(a.run(WRITE_ONE_BLOCK)).toBe("good");
      expect(b.run([release])).toBe("good");
      expect(b.run(READ_ONE_BLOCK)).toBe("conflict");
      expect(a.run([release])).toBe("good");
      expect(b.run(READ_ONE_BLOCK)).toBe("good");
    });
  }

  test("end with the session and with a reset of the unit", () => {
    const { shared, a, b } = hosts();
    a.run([0x16]);
    shared.detach(a.unit);
    expect(b.run([0x16])).toBe("good");
    a.unit.reset("lunReset");
    expect(a.run(TEST_UNIT_READY)).toBe("lunReset");
    expect(a.run(WRITE_ONE_BLOCK)).toBe("good");
  });

  test("are refused to hosts once somebody uses persistent reservations", () => {
    const { a, b } = hosts();
    a.out("register", KEY.none, KEY.a);
    expect([a.run([0x16]), b.run([0x56])]).toEqual(["conflict", "conflict"]);
  });

  test("of a third party or an extent are refused", () => {
    expect(hosts().a.run([0x16, 0x10])).toBe("invalidFieldInCdb");
  });
});
