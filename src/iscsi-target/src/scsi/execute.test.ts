import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RamDevice } from "../../testing/ram-device.ts";
import { unitOf } from "../../testing/serve.ts";
import { getU16, getU32, getU64, setU16, setU32, setU64 } from "../wire/bytes.ts";
import { type UnitSet, planCommand } from "./execute.ts";
import { OPCODE_ROWS } from "./opcodes.ts";
import type { Plan } from "./plan.ts";
import {
  SENSE,
  SenseError,
  type SenseName,
  encodeDescriptorSense,
  encodeFixedSense,
  failureOf,
} from "./sense.ts";
import { Unit } from "./unit.ts";
import { VPD_ROWS } from "./vpd.ts";

const PORT = { initiatorName: "iqn.2026-01.test:host", isid: "400000000001" };
const MIB = 1024 * 1024;

function unitSet(device = new RamDevice(MIB), blockSizeBytes: 512 | 4096 = 512): UnitSet {
  const units = [
    new Unit(unitOf(device, 0, blockSizeBytes), PORT),
    new Unit(unitOf(device, 3, blockSizeBytes), PORT),
  ];
  for (const unit of units) unit.takeAttention();
  return {
    targetName: "iqn.2026-01.test:disk",
    units: new Map(units.map((unit) => [unit.lun, unit])),
    luns: [0, 3],
  };
}

function run(cdb: readonly number[], lun = 0, set = unitSet()): Plan {
  const bytes = new Uint8Array(16);
  bytes.set(cdb);
  return planCommand(bytes, lun, set);
}

function data(plan: Plan): Uint8Array {
  if (plan.kind !== "data") throw new Error(`${plan.kind} where data is due`);
  return plan.bytes;
}

function senseOf(act: () => unknown): SenseName {
  try {
    act();
  } catch (error) {
    if (error instanceof SenseError) return error.sense;
    throw error;
  }
  throw new Error("it succeeded");
}

const text = (bytes: Uint8Array, from: number, to: number): string =>
  new TextDecoder().decode(bytes.subarray(from, to));

describe("INQUIRY", () => {
  test("names the disk and its standards", () => {
    const bytes = data(run([0x12, 0, 0, 0, 255, 0]));
    expect(bytes[0]).toBe(0);
    expect(text(bytes, 8, 16)).toBe("TEST    ");
    expect(text(bytes, 16, 32)).toBe("RAM disk        ");
    expect(bytes).toHaveLength(5 + (bytes[4] ?? 0));
  });

  test("says at a LUN without a disk that there is none and could be none", () => {
    expect(data(run([0x12, 0, 0, 0, 36, 0], 7))[0]).toBe(0x7f);
    expect(data(run([0x12, 0, 0, 0, 36, 0], -1))[0]).toBe(0x7f);
  });

  test("is cut to the allocation length without an error", () => {
    expect(data(run([0x12, 0, 0, 0, 5, 0]))).toHaveLength(5);
  });

  test("lists its VPD pages in ascending order, and each of them is there", () => {
    const pages = data(run([0x12, 1, 0, 0, 255, 0])).subarray(4);
    expect(Array.from(pages)).toEqual(Array.from(pages).toSorted((a, b) => a - b));
    expect(Array.from(pages)).toEqual(VPD_ROWS.map(({ page }) => page));
    for (const page of pages) {
      const bytes = data(run([0x12, 1, page, 0, 255, 0]));
      expect(bytes[1]).toBe(page);
      expect(bytes).toHaveLength(4 + getU16(bytes, 2));
    }
  });

  test("tells the NAA name and the serial number that the owner gave", () => {
    const identification = data(run([0x12, 1, 0x83, 0, 255, 0]));
    expect(identification.subarray(4, 8).toHex()).toBe("01030008");
    expect(identification.subarray(8, 16).toHex()).toBe("3000000000000000");
    expect(text(data(run([0x12, 1, 0x80, 0, 255, 0])), 4, 8)).toBe("RAM0");
  });

  test("every designator of page 83h is as long as it says, and names end on a zero", () => {
    const bytes = data(run([0x12, 1, 0x83, 0, 255, 0]));
    let at = 4;
    const types: number[] = [];
    while (at < bytes.length) {
      types.push((bytes[at + 1] ?? 0) & 0x0f);
      at += 4 + (bytes[at + 3] ?? 0);
      if (types.at(-1) === 8) expect(bytes[at - 1]).toBe(0);
    }
    expect(at).toBe(bytes.length);
    expect(types).toEqual([3, 8, 4]);
  });

  test("promises that unmapped blocks read as zeros", () => {
    const bytes = data(run([0x12, 1, 0xb2, 0, 255, 0]));
    expect((bytes[5] ?? 0) & 0xe4).toBe(0xe4);
  });

  test("a page that is not there, a page without EVPD, or the old CMDDT bit, is an invalid field", () => {
    expect(senseOf(() => run([0x12, 2, 0, 0, 255]))).toBe("invalidFieldInCdb");
    expect(senseOf(() => run([0x12, 1, 0x99, 0, 255, 0]))).toBe("invalidFieldInCdb");
    expect(senseOf(() => run([0x12, 0, 0x80, 0, 255, 0]))).toBe("invalidFieldInCdb");
  });
});

describe("REPORT LUNS", () => {
  test("is answered at any LUN, with every LUN", () => {
    for (const lun of [0, 9, -1]) {
      const bytes = data(run([0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0], lun));
      expect(getU32(bytes, 0)).toBe(16);
      expect(bytes.subarray(8).toHex()).toBe("00000000000000000003000000000000");
    }
  });

  test("knows no well known units, and no other report", () => {
    expect(getU32(data(run([0xa0, 0, 1, 0, 0, 0, 0, 0, 1, 0])), 0)).toBe(0);
    expect(senseOf(() => run([0xa0, 0, 5, 0, 0, 0, 0, 0, 1, 0]))).toBe("invalidFieldInCdb");
    expect(senseOf(() => run([0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 8]))).toBe("invalidFieldInCdb");
  });
});

describe("capacity", () => {
  test("is told in blocks of either size", () => {
    for (const size of [512, 4096] as const) {
      const set = unitSet(new RamDevice(MIB), size);
      const short = data(run([0x25], 0, set));
      expect([getU32(short, 0), getU32(short, 4)]).toEqual([MIB / size - 1, size]);
      const long = data(run([0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32], 0, set));
      expect([getU64(long, 0), getU32(long, 8)]).toEqual([MIB / size - 1, size]);
      expect((long[13] ?? 0) & 15).toBe(0);
    }
  });

  test("of a disk beyond 2 TiB is only told by READ CAPACITY(16)", () => {
    const set = unitSet(new RamDevice(0, { claimsBytes: 3 * 2 ** 40 }));
    expect(getU32(data(run([0x25], 0, set)), 0)).toBe(0xffffffff);
    expect(getU64(data(run([0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32], 0, set)), 0)).toBe(
      3 * 2 ** 31 - 1,
    );
  });
});

interface Shape {
  readonly size: 6 | 10 | 12 | 16;
  readonly read: number;
  readonly write: number;
  readonly maxCount: number;
  readonly maxLba: number;
}

const SHAPES: readonly Shape[] = [
  { size: 6, read: 0x08, write: 0x0a, maxCount: 256, maxLba: 0x1fffff },
  { size: 10, read: 0x28, write: 0x2a, maxCount: 0xffff, maxLba: 0xffffffff },
  { size: 12, read: 0xa8, write: 0xaa, maxCount: 0xffffffff, maxLba: 0xffffffff },
  { size: 16, read: 0x88, write: 0x8a, maxCount: 0xffffffff, maxLba: 0xffffffff },
];

function blockCdb(opcode: number, size: Shape["size"], lba: number, count: number, flags = 0): number[] {
  const cdb = new Uint8Array(16);
  if (size === 6) {
    setU32(cdb, 0, lba);
    cdb[4] = count === 256 ? 0 : count;
  } else {
    cdb[1] = flags;
    if (size === 16) setU64(cdb, 2, lba);
    else setU32(cdb, 2, lba);
    if (size === 10) setU16(cdb, 7, count);
    else setU32(cdb, size === 12 ? 6 : 10, count);
  }
  cdb[0] = opcode;
  return Array.from(cdb);
}

describe("reads and writes", () => {
  for (const { size, read, write, maxCount } of SHAPES) {
    test(`of ${size} byte CDBs address the bytes that their blocks are`, () => {
      const blocks = MIB / 512;
      fc.assert(
        fc.property(
          fc.nat(blocks - 1),
          fc.integer({ min: 1, max: Math.min(maxCount, blocks) }),
          (lba, count) => {
            const act = (opcode: number) => () => run(blockCdb(opcode, size, lba, count));
            if (lba + count > blocks) {
              expect(senseOf(act(read))).toBe("lbaOutOfRange");
              expect(senseOf(act(write))).toBe("lbaOutOfRange");
              return;
            }
            expect(act(read)()).toEqual({ kind: "read", offset: lba * 512, length: count * 512 });
            expect(act(write)()).toEqual({
              kind: "write",
              offset: lba * 512,
              length: count * 512,
              flush: false,
            });
          },
        ),
      );
    });
  }

  test("at LBAs beyond everything are out of range, not wrapped", () => {
    for (const lba of [2 ** 53, 2 ** 63, 2 ** 64 - 2048])
      expect(senseOf(() => run(blockCdb(0x88, 16, lba, 1)))).toBe("lbaOutOfRange");
  });

  test("with FUA are flushed", () => {
    expect(run(blockCdb(0x8a, 16, 0, 1, 0x08))).toMatchObject({ kind: "write", flush: true });
    expect(run(blockCdb(0x2a, 10, 0, 1, 0x08))).toMatchObject({ kind: "write", flush: true });
  });

  test("with protection information are refused, for there is none", () => {
    expect(senseOf(() => run(blockCdb(0x8a, 16, 0, 1, 0x20)))).toBe("invalidFieldInCdb");
  });

  test("of more than the transfer limit are refused", () => {
    const set = unitSet(new RamDevice(0, { claimsBytes: 2 ** 40 }));
    expect(senseOf(() => run(blockCdb(0x88, 16, 0, 0x100000), 0, set))).toBe("invalidFieldInCdb");
  });

  test("are read and not written on a read-only disk, and the mode sense header says so", () => {
    const set = unitSet(new RamDevice(MIB, { readOnly: true }));
    expect(run(blockCdb(0x88, 16, 0, 1), 0, set).kind).toBe("read");
    expect((data(run([0x1a, 0, 0x3f, 0, 255], 0, set))[2] ?? 0) & 0x80).toBe(0x80);
  });
});

describe("a read-only disk", () => {
  test("refuses whatever would write", () => {
    const set = unitSet(new RamDevice(MIB, { readOnly: true }));
    for (const { opcode, name } of OPCODE_ROWS.filter(({ access }) => access === "write")) {
      const size = opcode < 0x20 ? 6 : opcode < 0x60 ? 10 : opcode < 0xa0 ? 16 : 12;
      const oneBlock =
        opcode === 0x89 ? [...blockCdb(opcode, 16, 0, 0).slice(0, 13), 1] : blockCdb(opcode, size, 0, 1);
      const cdb = opcode === 0x42 ? [0x42, 0, 0, 0, 0, 0, 0, 0, 24] : oneBlock;
      expect(
        senseOf(() => run(cdb, 0, set)),
        name,
      ).toBe("writeProtected");
    }
  });

  test("finds a wrong CDB wrong before it minds what was asked, and takes a write of nothing", () => {
    const set = unitSet(new RamDevice(MIB, { readOnly: true }));
    expect(senseOf(() => run(blockCdb(0x2a, 10, MIB / 512, 1), 0, set))).toBe("lbaOutOfRange");
    expect(senseOf(() => run(blockCdb(0x8a, 16, 0, 1, 0x20), 0, set))).toBe("invalidFieldInCdb");
    expect(run(blockCdb(0x2a, 10, 0, 0), 0, set)).toMatchObject({ kind: "write", length: 0 });
  });
});

describe("MODE SENSE", () => {
  test("tells the truth about the write cache, in six bytes and in ten", () => {
    const short = data(run([0x1a, 8, 0x08, 0, 255]));
    expect(short.subarray(4, 7).toHex()).toBe("081204");
    const long = data(run([0x5a, 8, 0x08, 0, 0, 0, 0, 1, 0]));
    expect(long.subarray(8, 11).toHex()).toBe("081204");
  });

  test("says that nothing can be changed, and has nothing saved", () => {
    const changeable = data(run([0x1a, 8, 0x48, 0, 255]));
    expect(changeable.subarray(6).every((byte) => byte === 0)).toBe(true);
    expect(senseOf(() => run([0x1a, 8, 0xc8, 0, 255]))).toBe("savingParametersNotSupported");
  });

  test("header and descriptors add up, with a long descriptor as with a short one", () => {
    const short = data(run([0x1a, 0, 0x3f, 0, 255]));
    expect(short).toHaveLength(1 + (short[0] ?? 0));
    expect([short[3], getU32(short, 4)]).toEqual([8, MIB / 512]);
    const long = data(run([0x5a, 0x10, 0x3f, 0, 0, 0, 0, 1, 0]));
    expect(long).toHaveLength(2 + getU16(long, 0));
    expect([getU16(long, 6), getU64(long, 8)]).toEqual([16, MIB / 512]);
  });
});

describe("REPORT SUPPORTED OPERATION CODES", () => {
  test("lists every row of the table", () => {
    const bytes = data(run([0xa3, 0x0c, 0, 0, 0, 0, 0, 0, 0x10, 0]));
    expect(getU32(bytes, 0)).toBe(8 * OPCODE_ROWS.length);
    const listed = OPCODE_ROWS.map((_, i) => bytes[4 + 8 * i] ?? 0);
    expect(listed).toEqual(OPCODE_ROWS.map(({ opcode }) => opcode));
  });

  test("gives each row's usage, which begins with its opcode and is as long as its CDB", () => {
    for (const { opcode, serviceAction, name } of OPCODE_ROWS) {
      const bytes = data(run([0xa3, 0x0c, 3, opcode, 0, serviceAction ?? 0, 0, 0, 1, 0]));
      const size = opcode < 0x20 ? 6 : opcode < 0x60 ? 10 : opcode < 0xa0 ? 16 : 12;
      expect(getU16(bytes, 2), name).toBe(size);
      expect(bytes[4], name).toBe(opcode);
      expect((bytes[1] ?? 0) & 7, name).toBe(3);
    }
  });

  test("says of an unknown one that it is not supported", () => {
    expect((data(run([0xa3, 0x0c, 1, 0xff, 0, 0, 0, 0, 1, 0]))[1] ?? 0) & 7).toBe(1);
    expect(senseOf(() => run([0xa3, 0x0c, 1, 0x9e, 0, 0, 0, 0, 1, 0]))).toBe("invalidFieldInCdb");
  });
});

function unmapList(...ranges: (readonly [lba: number, blocks: number])[]): Uint8Array {
  const list = new Uint8Array(8 + 16 * ranges.length);
  setU16(list, 0, list.length - 2);
  setU16(list, 2, 16 * ranges.length);
  ranges.forEach(([lba, blocks], i) => {
    setU64(list, 8 + 16 * i, lba);
    setU32(list, 16 + 16 * i, blocks);
  });
  return list;
}

function act(plan: Plan, list: Uint8Array): unknown {
  if (plan.kind !== "parameters") throw new Error(plan.kind);
  return plan.act(list);
}

describe("UNMAP and WRITE SAME", () => {
  test("unmapped ranges read as zeros and nothing beside them does", async () => {
    const device = new RamDevice(MIB);
    device.bytes.fill(0xaa);
    const set = unitSet(device);
    const list = unmapList([2, 3], [100, 1], [0, 0]);
    await act(run([0x42, 0, 0, 0, 0, 0, 0, 0, list.length], 0, set), list);
    const zeros = Array.from(
      { length: 200 },
      (_, lba) => device.bytes[lba * 512] === 0 && device.bytes[lba * 512 + 511] === 0,
    );
    expect(zeros.flatMap((isZero, lba) => (isZero ? [lba] : []))).toEqual([2, 3, 4, 100]);
  });

  test("an unmap list with one bad range does nothing at all", () => {
    const device = new RamDevice(MIB);
    device.bytes.fill(0xaa);
    const list = unmapList([0, 1], [MIB / 512, 1]);
    const plan = run([0x42, 0, 0, 0, 0, 0, 0, 0, list.length], 0, unitSet(device));
    expect(senseOf(() => act(plan, list))).toBe("lbaOutOfRange");
    expect(device.bytes[0]).toBe(0xaa);
  });

  test("a list that is too short for its header is an error, an empty one is not", () => {
    expect(senseOf(() => run([0x42, 0, 0, 0, 0, 0, 0, 0, 7]))).toBe("parameterListLengthError");
    expect(run([0x42])).toEqual({ kind: "done" });
  });

  test("WRITE SAME fills a range with one block", async () => {
    const device = new RamDevice(MIB);
    const plan = run(blockCdb(0x93, 16, 10, 700), 0, unitSet(device));
    await act(plan, new Uint8Array(512).fill(0x5a));
    expect(device.bytes.subarray(10 * 512, 710 * 512).every((byte) => byte === 0x5a)).toBe(true);
    expect(device.bytes[10 * 512 - 1]).toBe(0);
    expect(device.bytes[710 * 512]).toBe(0);
  });

  test("WRITE SAME of nothing, with an anchor or beyond its limit is refused", () => {
    expect(senseOf(() => run(blockCdb(0x93, 16, 0, 0)))).toBe("invalidFieldInCdb");
    const large = unitSet(new RamDevice(0, { claimsBytes: 2 ** 30 }));
    expect(senseOf(() => run(blockCdb(0x93, 16, 0, 0x20001), 0, large))).toBe("invalidFieldInCdb");
    expect(senseOf(() => run(blockCdb(0x93, 16, 0, 1, 0x10)))).toBe("invalidFieldInCdb");
  });
});

describe("GET LBA STATUS", () => {
  test("tells the zeros of the device's map from its data", () => {
    const device = new RamDevice(MIB);
    device.bytes[8192] = 1;
    const bytes = data(run([0x9e, 0x12, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 1, 0], 0, unitSet(device)));
    const runs = [0, 1, 2].map((i) => [
      getU64(bytes, 8 + 16 * i),
      getU32(bytes, 16 + 16 * i),
      bytes[20 + 16 * i],
    ]);
    expect(runs).toEqual([
      [4, 12, 1],
      [16, 8, 0],
      [24, MIB / 512 - 24, 1],
    ]);
  });
});

describe("what all commands share", () => {
  test("an unknown opcode, a wrong LUN and NACA are each said in their own words", () => {
    expect(senseOf(() => run([0xff]))).toBe("invalidOpcode");
    expect(senseOf(() => run([0x9e, 0x1f]))).toBe("invalidFieldInCdb");
    expect(senseOf(() => run([0x00], 5))).toBe("lunNotSupported");
    expect(senseOf(() => run([0x00, 0, 0, 0, 0, 4]))).toBe("invalidFieldInCdb");
  });

  test("SEND DIAGNOSTIC has the default self-test and no other", () => {
    expect(run([0x1d, 0x04])).toEqual({ kind: "done" });
    expect(run([0x1d])).toEqual({ kind: "done" });
    expect(senseOf(() => run([0x1d, 0x20]))).toBe("invalidFieldInCdb");
    expect(senseOf(() => run([0x1d, 0x10, 0, 0, 4]))).toBe("invalidFieldInCdb");
    expect(senseOf(() => run([0x1d, 0x04], 5))).toBe("lunNotSupported");
  });

  test("a unit attention is reported once, and INQUIRY, REPORT LUNS and REQUEST SENSE are not held up by it", () => {
    const set = unitSet();
    set.units.get(0)?.attend("powerOn");
    expect(run([0x12, 0, 0, 0, 36], 0, set).kind).toBe("data");
    expect(run([0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0], 0, set).kind).toBe("data");
    expect(senseOf(() => run([0x00], 0, set))).toBe("powerOn");
    expect(run([0x00], 0, set)).toEqual({ kind: "done" });
  });

  test("REQUEST SENSE takes the unit attention as its data, in either format", () => {
    for (const [flag, at, code] of [
      [0, 12, 0x70],
      [1, 2, 0x72],
    ] as const) {
      const set = unitSet();
      set.units.get(0)?.attend("lunReset");
      const bytes = data(run([0x03, flag, 0, 0, 252], 0, set));
      expect([bytes[0], bytes[at], bytes[at + 1]]).toEqual([code, 0x29, 0x03]);
      expect(data(run([0x03, flag, 0, 0, 252], 0, set))[at]).toBe(0);
    }
  });
});

function isSenseName(name: string): name is SenseName {
  return name in SENSE;
}

function errnoError(code: string): Error {
  return Object.assign(new Error("the disk says no"), { code });
}

describe("sense data", () => {
  test("says the same in fixed and in descriptor format", () => {
    for (const name of Object.keys(SENSE).filter(isSenseName)) {
      const [key, asc, ascq] = SENSE[name];
      const error = new SenseError(name, { field: 3, information: 77 });
      const fixed = encodeFixedSense(error);
      expect([fixed[2], fixed[12], fixed[13]], name).toEqual([key, asc, ascq]);
      expect(fixed).toHaveLength(8 + (fixed[7] ?? 0));
      expect(getU32(fixed, 3)).toBe(77);
      const descriptor = encodeDescriptorSense(error);
      expect([descriptor[1], descriptor[2], descriptor[3]], name).toEqual([key, asc, ascq]);
      expect(descriptor).toHaveLength(8 + (descriptor[7] ?? 0));
    }
  });

  test("a full disk is told apart from a broken one", () => {
    expect(failureOf(errnoError("ENOSPC"), "write")).toMatchObject({ sense: "spaceAllocationFailed" });
    expect(failureOf(errnoError("EDQUOT"), "write")).toMatchObject({ sense: "spaceAllocationFailed" });
    expect(failureOf(errnoError("EIO"), "write")).toMatchObject({ sense: "writeError" });
    expect(failureOf(errnoError("EIO"), "read")).toMatchObject({ sense: "unrecoveredReadError" });
  });
});

describe("a unit", () => {
  test("of a wrong identity is refused when the session opens", () => {
    const right = unitOf(new RamDevice(512));
    expect(() => new Unit({ ...right, naa: "1234" }, PORT)).toThrow("NAA");
    expect(() => new Unit({ ...right, naa: "7000000000000001" }, PORT)).toThrow("NAA");
    expect(() => new Unit({ ...right, serialNumber: "" }, PORT)).toThrow("serial");
    expect(() => new Unit({ ...right, vendor: "TOO LONG FOR IT" }, PORT)).toThrow("vendor");
    expect(() => new Unit({ ...right, lun: 256 }, PORT)).toThrow("LUN");
  });
});
