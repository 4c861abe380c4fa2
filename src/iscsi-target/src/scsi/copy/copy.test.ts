import { describe, expect, test } from "bun:test";
import { RamDevice } from "../../../testing/ram-device.ts";
import { unitOf } from "../../../testing/serve.ts";
import { getU16, getU32, setU16, setU32, setU64 } from "../../wire/bytes.ts";
import { type UnitSet, planCommand } from "../execute.ts";
import { ReservationConflict, SenseError } from "../sense.ts";
import { Unit } from "../unit.ts";
import { MAX_COPY_SEGMENTS, MAX_COPY_TARGETS } from "./copy-limits.ts";

const BLOCK = 512;
const DISK_BYTES = 1024 * 1024;
const PORT = { initiatorName: "iqn.2026-01.test:host", isid: "400000000001" };

class Target {
  readonly first = new RamDevice(DISK_BYTES);
  readonly second = new RamDevice(DISK_BYTES);
  readonly units: readonly Unit[];
  readonly #set: UnitSet;

  constructor() {
    this.units = [new Unit(unitOf(this.first, 0), PORT), new Unit(unitOf(this.second, 1), PORT)];
    for (const unit of this.units) unit.takeAttention();
    this.#set = {
      targetName: "iqn.2026-01.test:disk",
      units: new Map(this.units.map((unit) => [unit.lun, unit])),
      luns: [0, 1],
    };
  }

  async copy(list: Uint8Array): Promise<string> {
    const cdb = new Uint8Array(16);
    cdb[0] = 0x83;
    setU32(cdb, 10, list.length);
    try {
      const plan = planCommand(cdb, 0, this.#set);
      if (plan.kind === "parameters") await plan.act(list);
      return "good";
    } catch (error) {
      if (error instanceof SenseError) return error.sense;
      if (error instanceof ReservationConflict) return "conflict";
      throw error;
    }
  }

  results(action: number, listId: number): Uint8Array | string {
    const cdb = new Uint8Array(16);
    cdb.set([0x84, action, listId, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    try {
      const plan = planCommand(cdb, 0, this.#set);
      return plan.kind === "data" ? plan.bytes : plan.kind;
    } catch (error) {
      if (error instanceof SenseError) return error.sense;
      throw error;
    }
  }
}

const FIRST = "3000000000000000";
const SECOND = "3000000000000001";

function target(naa: string, blockBytes = BLOCK): Uint8Array {
  const bytes = new Uint8Array(32);
  bytes.set([0xe4, 0, 0, 0, 1, 3, 0, 8]);
  bytes.set(Uint8Array.fromHex(naa), 8);
  setU16(bytes, 30, blockBytes);
  return bytes;
}

interface Segment {
  readonly from?: number;
  readonly to?: number;
  readonly sourceLba: number;
  readonly destinationLba: number;
  readonly blocks: number;
}

function segment({ from = 0, to = 0, sourceLba, destinationLba, blocks }: Segment): Uint8Array {
  const bytes = new Uint8Array(28);
  bytes.set([0x02, 0, 0, 0x18]);
  setU16(bytes, 4, from);
  setU16(bytes, 6, to);
  setU16(bytes, 10, blocks);
  setU64(bytes, 12, sourceLba);
  setU64(bytes, 20, destinationLba);
  return bytes;
}

function list(targets: readonly Uint8Array[], segments: readonly Uint8Array[], listId = 1): Uint8Array {
  const header = new Uint8Array(16);
  header[0] = listId;
  setU16(header, 2, 32 * targets.length);
  setU32(
    header,
    8,
    segments.reduce((sum, { length }) => sum + length, 0),
  );
  return Buffer.concat([header, ...targets, ...segments]);
}

function isCopied(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0xa5);
}

const HERE: Segment = { sourceLba: 0, destinationLba: 1000, blocks: 600 };

describe("EXTENDED COPY", () => {
  test("copies blocks within a disk and from one disk to another", async () => {
    const disks = new Target();
    disks.first.bytes.fill(0xa5, 0, 600 * BLOCK);
    const within = segment({ ...HERE, destinationLba: 700 });
    const across = segment({ ...HERE, to: 1 });
    expect(await disks.copy(list([target(FIRST), target(SECOND)], [within, across]))).toBe("good");
    expect(isCopied(disks.first.bytes.subarray(700 * BLOCK, 1300 * BLOCK))).toBe(true);
    expect(isCopied(disks.second.bytes.subarray(1000 * BLOCK, 1600 * BLOCK))).toBe(true);
    expect(disks.second.bytes[999 * BLOCK]).toBe(0);
  });

  test("copies a stretch over itself as if all of it were read first, in either direction", async () => {
    for (const [sourceLba, destinationLba] of [
      [100, 300],
      [300, 100],
    ] as const) {
      const disks = new Target();
      const before = crypto.getRandomValues(new Uint8Array(65536));
      for (let at = 0; at < DISK_BYTES; at += before.length) disks.first.bytes.set(before, at);
      const wanted = disks.first.bytes.slice(sourceLba * BLOCK, (sourceLba + 1500) * BLOCK);
      const overlapping = segment({ sourceLba, destinationLba, blocks: 1500 });
      expect(await disks.copy(list([target(FIRST)], [overlapping]))).toBe("good");
      const copied = disks.first.bytes.subarray(destinationLba * BLOCK, (destinationLba + 1500) * BLOCK);
      expect(Buffer.compare(copied, wanted)).toBe(0);
    }
  });

  test("reaches no disk of another session by its name", async () => {
    expect(await new Target().copy(list([target("3000000000000009")], [segment(HERE)]))).toBe(
      "copyTargetNotReachable",
    );
  });

  test("with one bad segment copies nothing", async () => {
    const disks = new Target();
    disks.first.bytes.fill(1, 0, BLOCK);
    const good = segment({ ...HERE, blocks: 1 });
    const beyond = segment({ ...HERE, destinationLba: DISK_BYTES / BLOCK - 1 });
    expect(await disks.copy(list([target(FIRST)], [good, beyond]))).toBe("copyAborted");
    expect(await disks.copy(list([target(FIRST)], [good, segment({ ...HERE, to: 1 })]))).toBe(
      "copyTargetNotReachable",
    );
    expect(disks.first.bytes[1000 * BLOCK]).toBe(0);
  });

  test("heeds the reservations and the write protection of the disk that it copies to", async () => {
    const disks = new Target();
    const second = disks.units[1];
    second?.shared.reservations.reserveUnit({ ...PORT, isid: "400000000002" });
    const across = list([target(FIRST), target(SECOND)], [segment({ ...HERE, to: 1 })]);
    expect(await disks.copy(across)).toBe("conflict");
    second?.shared.reset();
    second?.shared.changeMode({ writeProtect: true, descriptorSense: false }, second);
    expect(await disks.copy(across)).toBe("softwareWriteProtected");
  });

  test("of a list that breaks off, has too many descriptors or unknown ones says which", async () => {
    const disks = new Target();
    const whole = list([target(FIRST)], [segment(HERE)]);
    expect(await disks.copy(whole.subarray(0, whole.length - 1))).toBe("parameterListLengthError");
    expect(await disks.copy(whole.subarray(0, 15))).toBe("parameterListLengthError");
    const targets = Array.from({ length: MAX_COPY_TARGETS + 1 }, () => target(FIRST));
    expect(await disks.copy(list(targets, [segment(HERE)]))).toBe("tooManyTargetDescriptors");
    const segments = Array.from({ length: MAX_COPY_SEGMENTS + 1 }, () => segment(HERE));
    expect(await disks.copy(list([target(FIRST)], segments))).toBe("tooManySegmentDescriptors");
    const fibreChannel = target(FIRST);
    fibreChannel[0] = 0xe0;
    expect(await disks.copy(list([fibreChannel], [segment(HERE)]))).toBe("unsupportedTargetDescriptor");
    const stream = segment(HERE);
    stream[0] = 0x03;
    expect(await disks.copy(list([target(FIRST)], [stream]))).toBe("unsupportedSegmentDescriptor");
    expect(await disks.copy(list([target(FIRST, 4096)], [segment(HERE)]))).toBe(
      "invalidFieldInParameterList",
    );
  });

  test("of nothing is done", async () => {
    expect(await new Target().copy(new Uint8Array(0))).toBe("good");
  });
});

describe("RECEIVE COPY RESULTS", () => {
  test("tells how the copy of a list id ended, and knows no other id", async () => {
    const disks = new Target();
    await disks.copy(list([target(FIRST)], [segment(HERE)], 7));
    const status = disks.results(0, 7);
    if (typeof status === "string") throw new Error(status);
    expect([getU32(status, 0), status[4], getU16(status, 5), getU32(status, 8)]).toEqual([
      8,
      1,
      1,
      600 * BLOCK,
    ]);
    expect(disks.results(0, 8)).toBe("invalidFieldInCdb");
  });

  test("tells the limits, and the descriptors in ascending order", () => {
    const parameters = new Target().results(3, 0);
    if (typeof parameters === "string") throw new Error(parameters);
    expect(parameters).toHaveLength(4 + getU32(parameters, 0));
    expect([getU16(parameters, 8), getU16(parameters, 10)]).toEqual([MAX_COPY_TARGETS, MAX_COPY_SEGMENTS]);
    expect(Array.from(parameters.subarray(44))).toEqual([0x02, 0x0a, 0xe4]);
  });
});
