import { describe, expect, test } from "bun:test";
import { RamDevice } from "../../testing/ram-device.ts";
import { unitOf } from "../../testing/serve.ts";
import type { LogicalUnit } from "../directory.ts";
import { getU16, getU32 } from "../wire/bytes.ts";
import { type UnitSet, planCommand } from "./execute.ts";
import { OPCODE_ROWS } from "./opcodes.ts";
import type { Plan } from "./plan.ts";
import { SenseError } from "./sense.ts";
import { SharedUnit } from "./shared-unit.ts";
import { Unit } from "./unit.ts";

const BLOCK = 512;
const EJECT = [0x1b, 0, 0, 0, 0x02];
const LOAD = [0x1b, 0, 0, 0, 0x03];
const PREVENT = [0x1e, 0, 0, 0, 1];
const ALLOW = [0x1e, 0, 0, 0, 0];
const TEST_UNIT_READY = [0x00];
const WRITE_ONE_BLOCK = [0x2a, 0, 0, 0, 0, 0, 0, 0, 1];
const VERIFY_TEN = 0x2f;
const COMPARE_AND_WRITE = 0x89;
const OR_WRITE = 0x8b;

interface Disk {
  readonly device: RamDevice;
  readonly unit: Unit;
  /** Runs a command to its end; resolves with its data, or with the name of its sense. */
  readonly run: (cdb: readonly number[], list?: Uint8Array) => Promise<Uint8Array | string>;
}

function disk(more: Partial<LogicalUnit> = {}, shared?: SharedUnit, device = new RamDevice(65536)): Disk {
  const identity = { ...unitOf(device), ...more };
  const port = { initiatorName: "iqn.2026-01.test:host", isid: shared ? "400000000002" : "400000000001" };
  const unit = new Unit(identity, port, shared ?? new SharedUnit(identity));
  unit.takeAttention();
  const set: UnitSet = { targetName: "iqn.2026-01.test:disk", units: new Map([[0, unit]]), luns: [0] };
  const settle = async (plan: Plan, list: Uint8Array): Promise<Uint8Array> => {
    switch (plan.kind) {
      case "parameters":
        return settle(await plan.act(list), list);
      case "later":
        return settle(await plan.work(), list);
      case "data":
        return plan.bytes;
      default:
        return new Uint8Array(0);
    }
  };
  return {
    device,
    unit,
    run: async (cdb, list = new Uint8Array(0)) => {
      const bytes = new Uint8Array(16);
      bytes.set(cdb);
      try {
        return await settle(planCommand(bytes, 0, set), list);
      } catch (error) {
        if (error instanceof SenseError) return error.sense;
        throw error;
      }
    },
  };
}

const GOOD = new Uint8Array(0);

function blocks(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * BLOCK);
  values.forEach((value, i) => bytes.fill(value, i * BLOCK, (i + 1) * BLOCK));
  return bytes;
}

function sixteen(opcode: number, lba: number, count: number, flags = 0): number[] {
  return [opcode, flags, 0, 0, 0, 0, 0, 0, 0, lba, 0, 0, 0, count];
}

describe("COMPARE AND WRITE", () => {
  test("writes when what is there is what was expected, and nothing otherwise", async () => {
    const { device, run } = disk();
    device.bytes.fill(1, 0, BLOCK);
    expect(await run(sixteen(COMPARE_AND_WRITE, 0, 1), blocks(2, 3))).toBe("miscompare");
    expect(device.bytes[0]).toBe(1);
    expect(await run(sixteen(COMPARE_AND_WRITE, 0, 1), blocks(1, 3))).toEqual(GOOD);
    expect(device.bytes.subarray(0, BLOCK)).toEqual(blocks(3));
  });

  test("tells where the first difference is", async () => {
    const { unit } = disk();
    const cdb = Uint8Array.from([...sixteen(COMPARE_AND_WRITE, 0, 1), 0, 0]);
    const plan = planCommand(cdb, 0, { targetName: "t", units: new Map([[0, unit]]), luns: [0] });
    if (plan.kind !== "parameters") throw new Error(plan.kind);
    const data = blocks(0, 9);
    data[77] = 1;
    const failure = await Promise.resolve(plan.act(data)).catch((error: unknown) => error);
    expect(failure).toMatchObject({ sense: "miscompare", information: 77 });
  });

  test("of two hosts that both expect the old block lets one win, on a slow disk too", async () => {
    const device = new RamDevice(65536, { cold: true });
    const a = disk({}, undefined, device);
    const b = disk({}, a.unit.shared, device);
    const release = device.hold();
    const both = [
      a.run(sixteen(COMPARE_AND_WRITE, 0, 1), blocks(0, 1)),
      b.run(sixteen(COMPARE_AND_WRITE, 0, 1), blocks(0, 2)),
    ];
    release();
    const answers = await Promise.all(both);
    expect(answers.filter((answer) => answer === "miscompare")).toHaveLength(1);
  });

  test("of nothing is done, and of more than its limit refused", async () => {
    const { run } = disk();
    expect(await run(sixteen(COMPARE_AND_WRITE, 0, 0))).toEqual(GOOD);
    expect(await disk().run(sixteen(COMPARE_AND_WRITE, 127, 2))).toBe("lbaOutOfRange");
    const large = disk({}, undefined, new RamDevice(1024 * 1024));
    expect(await large.run(sixteen(COMPARE_AND_WRITE, 0, 129))).toBe("invalidFieldInCdb");
  });
});

describe("ORWRITE", () => {
  test("sets bits and clears none", async () => {
    const { device, run } = disk();
    device.bytes.fill(0x0f, 0, BLOCK);
    expect(await run(sixteen(OR_WRITE, 0, 2), blocks(0x81, 0x40))).toEqual(GOOD);
    expect(device.bytes.subarray(0, 2 * BLOCK)).toEqual(blocks(0x8f, 0x40));
  });
});

describe("VERIFY", () => {
  test("compares each block with the one that was sent, when it is asked to", async () => {
    const { device, run } = disk();
    device.bytes.fill(7, 0, 3 * BLOCK);
    const cdb = [VERIFY_TEN, 0x06, 0, 0, 0, 0, 0, 0, 3];
    expect(await run(cdb, blocks(7))).toEqual(GOOD);
    device.bytes[2 * BLOCK] = 8;
    expect(await run(cdb, blocks(7))).toBe("miscompare");
  });
});

describe("a removable disk", () => {
  test("says that it is one, and can be ejected and loaded", async () => {
    const { run } = disk({ removable: true });
    expect((await run([0x12, 0, 0, 0, 36]))[1]).toBe(0x80);
    expect(await run(EJECT)).toEqual(GOOD);
    expect(await run(TEST_UNIT_READY)).toBe("mediumNotPresent");
    expect(await run(LOAD)).toEqual(GOOD);
    expect(await run(TEST_UNIT_READY)).toEqual(GOOD);
  });

  test("without its medium refuses every command that needs it, and answers the others", async () => {
    const { unit, run } = disk({ removable: true });
    await run(EJECT);
    const answers = OPCODE_ROWS.filter((row) => row.at === "unit" && row.opcode !== 0x1b).map((row) => {
      const cdb = new Uint8Array(16);
      cdb[0] = row.opcode;
      cdb[1] = row.serviceAction ?? 0;
      try {
        planCommand(cdb, 0, { targetName: "t", units: new Map([[0, unit]]), luns: [0] });
      } catch (error) {
        if (error instanceof SenseError) return [row.name, error.sense === "mediumNotPresent"];
      }
      return [row.name, false];
    });
    const refused = answers.flatMap(([name, isRefused]) => (isRefused ? [name] : []));
    expect(refused).toContain("READ CAPACITY(10)");
    expect(refused).toContain("WRITE(16)");
    expect(refused).not.toContain("MODE SENSE(6)");
    expect(refused).not.toContain("PERSISTENT RESERVE IN, READ KEYS");
  });

  test("stays in while any host prevents its removal, and is free again when that host has gone", async () => {
    const a = disk({ removable: true });
    const b = disk({ removable: true }, a.unit.shared);
    await a.run(PREVENT);
    expect(await b.run(EJECT)).toBe("mediumRemovalPrevented");
    await b.run(ALLOW);
    expect(await b.run(EJECT)).toBe("mediumRemovalPrevented");
    a.unit.shared.detach(a.unit);
    expect(await b.run(EJECT)).toEqual(GOOD);
  });

  test("that was out is told to the other hosts", async () => {
    const a = disk({ removable: true });
    const b = disk({ removable: true }, a.unit.shared);
    await a.run(EJECT);
    await a.run(LOAD);
    expect(await b.run(TEST_UNIT_READY)).toBe("mediumMayHaveChanged");
  });

  test("is not what a fixed disk is: that one cannot be ejected, and stops after a flush", async () => {
    const { device, run } = disk();
    expect(await run(EJECT)).toBe("invalidFieldInCdb");
    expect(await run([0x1b])).toEqual(GOOD);
    expect(device.flushes).toBe(1);
    expect(await run([0x1b, 0, 0, 0, 0x30])).toEqual(GOOD);
  });
});

function select(length: number): number[] {
  return [0x15, 0x10, 0, 0, length];
}

function controlPage(first: number, third: number): Uint8Array {
  return Uint8Array.of(0, 0, 0, 0, 0x0a, 10, first, 0x10, third, 0, 0, 0, 0xff, 0xff, 0, 0);
}

describe("MODE SELECT", () => {
  test("can write-protect the disk for everyone, until a reset", async () => {
    const a = disk();
    const b = disk({}, a.unit.shared);
    expect(await a.run(select(16), controlPage(0, 0x08))).toEqual(GOOD);
    expect(await b.run(TEST_UNIT_READY)).toBe("modeParametersChanged");
    expect(await b.run(WRITE_ONE_BLOCK)).toBe("softwareWriteProtected");
    const page = await b.run([0x1a, 8, 0x0a, 0, 255]);
    expect([page[2], page[4 + 2 + 2]]).toEqual([0x90, 0x08]);
    a.unit.reset("lunReset");
    expect(await b.run(WRITE_ONE_BLOCK)).toEqual(GOOD);
  });

  test("can ask for descriptor sense data", async () => {
    const { unit, run } = disk();
    await run(select(16), controlPage(0x04, 0));
    expect(unit.shared.mode.descriptorSense).toBe(true);
  });

  test("says which bits can be changed, and changes no other", async () => {
    const { run } = disk();
    const changeable = await run([0x1a, 8, 0x4a, 0, 255]);
    expect(changeable.slice(4)).toEqual(Uint8Array.of(0x0a, 10, 0x04, 0, 0x08, 0, 0, 0, 0, 0, 0, 0));
    expect(await run(select(16), controlPage(0x08, 0))).toBe("invalidFieldInParameterList");
    const withoutCache = Uint8Array.of(0, 0, 0, 0, 0x08, 18, ...new Uint8Array(18));
    expect(await run(select(24), withoutCache)).toBe("invalidFieldInParameterList");
  });

  test("takes back what MODE SENSE gave, in six bytes and in ten", async () => {
    const { run } = disk();
    const short = await run([0x1a, 0, 0x3f, 0, 255]);
    if (typeof short === "string") throw new Error(short);
    expect(await run(select(short.length), short)).toEqual(GOOD);
    const long = await run([0x5a, 0x10, 0x3f, 0, 0, 0, 0, 1, 0]);
    if (typeof long === "string") throw new Error(long);
    expect(await run([0x55, 0x10, 0, 0, 0, 0, 0, 0, long.length], long)).toEqual(GOOD);
  });

  test("of a list that breaks off, of an unknown page or of another disk size is refused", async () => {
    const { run } = disk();
    expect(await run(select(10), controlPage(0, 0).subarray(0, 10))).toBe("parameterListLengthError");
    expect(await run(select(6), Uint8Array.of(0, 0, 0, 0, 0x0b, 0))).toBe("invalidFieldInParameterList");
    const resized = Uint8Array.of(0, 0, 0, 8, 0, 0, 1, 0, 0, 0, 2, 0);
    expect(await run(select(12), resized)).toBe("invalidFieldInParameterList");
    expect(await run([0x15, 0x11, 0, 0, 0])).toBe("invalidFieldInCdb");
  });
});

describe("a read-only unit over a device that could be written", () => {
  test("refuses writes and says so in MODE SENSE", async () => {
    const { run } = disk({ readOnly: true });
    expect(await run(WRITE_ONE_BLOCK)).toBe("writeProtected");
    expect(await run(sixteen(COMPARE_AND_WRITE, 0, 1))).toBe("writeProtected");
    expect((await run([0x1a, 8, 0x0a, 0, 255]))[2]).toBe(0x90);
  });
});

describe("what a virtual disk has nothing of", () => {
  test("defects: the list is empty in either size", async () => {
    const { run } = disk();
    expect(await run([0x37, 0, 0x1d, 0, 0, 0, 0, 0, 255])).toEqual(Uint8Array.of(0, 0x1d, 0, 0));
    const long = await run([0xb7, 0x1d, 0, 0, 0, 0, 0, 0, 0, 255]);
    if (typeof long === "string") throw new Error(long);
    expect([long.length, long[1], getU32(long, 4)]).toEqual([8, 0x1d, 0]);
  });

  test("a cache to be filled ahead: PRE-FETCH checks its range and is done", async () => {
    const { run } = disk();
    expect(await run([0x34, 0, 0, 0, 0, 0, 0, 0, 8])).toEqual(GOOD);
    expect(await run([0x34, 0, 0, 0, 0, 127, 0, 0, 8])).toBe("lbaOutOfRange");
  });

  test("a physical block larger than its owner says, though hosts are asked to align to 4096 bytes", async () => {
    for (const [physicalBlockSizeBytes, exponent] of [
      [undefined, 0],
      [512, 0],
      [4096, 3],
    ] as const) {
      const { run } = disk(physicalBlockSizeBytes ? { physicalBlockSizeBytes } : {});
      const limits = await run([0x12, 1, 0xb0, 0, 255]);
      const capacity = await run([0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32]);
      if (typeof limits === "string") throw new Error(limits);
      expect([getU16(limits, 6), getU32(limits, 28), capacity[13]]).toEqual([8, 8, exponent]);
    }
  });
});
