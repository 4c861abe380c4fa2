/**
 * Commands, from the CDB to what they have done: two initiators at one disk, held against a plain array.
 * An input is a byte that says what disk it is, then records: initiator, LUN, CDB (16), length of the data sent (2), data.
 */
import { planCommand, type UnitSet } from "../../../src/iscsi-target/src/scsi/execute.ts";
import type { Plan } from "../../../src/iscsi-target/src/scsi/plan.ts";
import {
  ReservationConflict,
  SENSE,
  SenseError,
  encodeDescriptorSense,
  encodeFixedSense,
  failureOf,
} from "../../../src/iscsi-target/src/scsi/sense.ts";
import { SharedUnits } from "../../../src/iscsi-target/src/scsi/shared-unit.ts";
import { Unit } from "../../../src/iscsi-target/src/scsi/unit.ts";
import { RamDevice } from "../../../src/iscsi-target/testing/ram-device.ts";
import { type FuzzTarget, readCorpus } from "../../support/fuzz/engine.ts";
import { mutateBytes, mutateList } from "../../support/fuzz/mutate.ts";
import type { Random } from "../../support/fuzz/random.ts";
import { EXTENDED_COPY, allocationOf, apply, blocksOf, isRead } from "./disk-model.ts";

const DISK_BYTES = 128 * 1024;
const LARGE_BLOCKS = 0x01;
const READ_ONLY = 0x02;
const REMOVABLE = 0x04;
const RECORD_BYTES = 20;
const MAX_RECORDS = 40;
/** A session refuses longer parameter lists before they get to a command. */
const MAX_LIST_BYTES = 1024 * 1024;
/** Of parameter data: no command here has more to tell. */
const MAX_ANSWER_BYTES = 64 * 1024;

interface Sent {
  readonly who: number;
  readonly lun: number;
  readonly cdb: Uint8Array;
  readonly data: Uint8Array;
}

const corpus = readCorpus(`${import.meta.dir}/corpus/cdb`);
const known = corpus.flatMap((input) => recordsOf(input));
const opcodes = [...new Set(known.map(({ cdb }) => cdb[0] ?? 0))];

export const cdbTarget: FuzzTarget = {
  name: "cdb",
  corpus,
  pieces: (input) => [input.slice(0, 1), ...recordsOf(input).map((record) => join(record))],
  mutate(input, random) {
    const records = recordsOf(input);
    const at = random.below(records.length);
    const changed =
      records.length === 0 || random.chance(30)
        ? mutateList(records, random, known)
        : records.map((record, i) => (i === at ? mutateCommand(record, random) : record));
    return Buffer.concat([input.subarray(0, 1), ...changed.map((record) => join(record))]);
  },
  async check(input) {
    await new Disk(input[0] ?? 0).take(recordsOf(input).slice(0, MAX_RECORDS));
    // Nothing that one disk has been told is known to another.
    const fresh = new Disk(0);
    const inquiry = await fresh.inquire();
    if (inquiry !== FIRST_INQUIRY) throw new Error("a fresh disk describes itself differently");
  },
};

class Disk {
  readonly #block: number;
  readonly #device: RamDevice;
  readonly #model = new Uint8Array(DISK_BYTES);
  readonly #sets: readonly UnitSet[];

  constructor(kind: number) {
    this.#block = kind & LARGE_BLOCKS ? 4096 : 512;
    for (let i = 0; i < DISK_BYTES; i += 256) this.#model[i] = 1 + (i >>> 8);
    this.#device = new RamDevice(DISK_BYTES, { readOnly: (kind & READ_ONLY) !== 0 });
    this.#device.bytes.set(this.#model);
    const shared = new SharedUnits();
    this.#sets = ["023d00000001", "023d00000002"].map((isid) => {
      const identity = {
        lun: 0,
        device: this.#device,
        blockSizeBytes: this.#block === 512 ? 512 : 4096,
        naa: "3000000000000001",
        serialNumber: "FUZZ",
        removable: (kind & REMOVABLE) !== 0,
      } as const;
      const unit = new Unit(identity, { initiatorName: "iqn.2026-01.test:host", isid }, shared.of(identity));
      unit.takeAttention();
      return { targetName: "iqn.2026-01.test:disk", units: new Map([[0, unit]]), luns: [0] };
    });
  }

  async take(records: readonly Sent[]): Promise<void> {
    for (const record of records) {
      const told = [...record.cdb].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
      try {
        await this.#run(record);
      } catch (error) {
        throw new Error(`CDB ${told}: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
      }
    }
  }

  async inquire(): Promise<string> {
    const plan = planCommand(Uint8Array.of(0x12, 0, 0, 0, 96, ...new Uint8Array(11)), 0, this.#setOf(0));
    return plan.kind === "data" ? Buffer.from(plan.bytes).toString("hex") : plan.kind;
  }

  #setOf(who: number): UnitSet {
    const set = this.#sets[who & 1];
    if (!set) throw new RangeError("no such initiator");
    return set;
  }

  async #run({ who, lun, cdb, data }: Sent): Promise<void> {
    const set = this.#setOf(who);
    try {
      const plan = planCommand(cdb, lun & 1, set);
      // A command that asks for no data gets none.
      const asks = plan.kind === "write" || plan.kind === "parameters";
      await this.#carryOut(plan, cdb, asks ? data : new Uint8Array(0), set);
    } catch (error) {
      if (!(error instanceof SenseError) && !(error instanceof ReservationConflict)) throw error;
      this.#checkFailure(error, cdb);
    }
    if (cdb[0] === EXTENDED_COPY) this.#model.set(this.#device.bytes);
    if (Buffer.compare(this.#device.bytes, this.#model) !== 0) {
      const at = this.#model.findIndex((byte, i) => byte !== this.#device.bytes[i]);
      throw new Error(`byte ${at} of the disk is ${this.#device.bytes[at]}, not ${this.#model[at]}`);
    }
  }

  /** As a session does, with all data at hand. */
  async #carryOut(plan: Plan, cdb: Uint8Array, data: Uint8Array, set: UnitSet): Promise<void> {
    switch (plan.kind) {
      case "done":
        this.#good(cdb, data);
        return;
      case "data":
        checkAnswer(plan.bytes, cdb);
        return;
      case "read":
        this.#checkRange(plan, cdb);
        if (!isRead(cdb)) throw new Error("no read, and yet it reads");
        return;
      case "write":
        this.#checkRange(plan, cdb);
        set.units.get(0)?.write(data.subarray(0, plan.length), plan.offset);
        this.#good(cdb, data);
        return;
      case "parameters":
        if (plan.length > MAX_LIST_BYTES || data.length < plan.length) return;
        await this.#carryOut(
          await plan.act(data.slice(0, plan.length)),
          cdb,
          data.slice(0, plan.length),
          set,
        );
        return;
      case "later":
        await this.#carryOut(await plan.work(), cdb, data, set);
    }
  }

  #good(cdb: Uint8Array, data: Uint8Array): void {
    const named = blocksOf(cdb);
    if (named && named.lba + named.count > BigInt(DISK_BYTES / this.#block))
      throw new Error("blocks beyond the end of the disk are taken");
    if (this.#device.readOnly) return;
    apply(this.#model, this.#block, cdb, data);
  }

  #checkRange({ offset, length }: { offset: number; length: number }, cdb: Uint8Array): void {
    const named = blocksOf(cdb);
    if (!named) throw new Error("a command without blocks moves some");
    const [from, size] = [named.lba * BigInt(this.#block), named.count * BigInt(this.#block)];
    if (BigInt(offset) !== from || BigInt(length) !== size)
      throw new Error(`${length} bytes at ${offset} instead of ${size} at ${from}`);
    if (offset + length > DISK_BYTES) throw new Error("beyond the end of the disk");
  }

  #checkFailure(error: SenseError | ReservationConflict, cdb: Uint8Array): void {
    if (failureOf(error, "read") !== error) throw new Error("an error of its own becomes another");
    if (error instanceof ReservationConflict) return;
    checkSense(error);
    const named = blocksOf(cdb);
    const fits =
      named &&
      named.lba < BigInt(DISK_BYTES / this.#block) &&
      named.lba + named.count <= BigInt(DISK_BYTES / this.#block);
    if (error.sense === "lbaOutOfRange" && fits)
      throw new Error("blocks of the disk are said to be beyond its end");
  }
}

function checkAnswer(bytes: Uint8Array, cdb: Uint8Array): void {
  const allocation = allocationOf(cdb);
  if (allocation === undefined) throw new Error("data in answer to a command that asks for none");
  if (bytes.length > allocation) throw new Error(`${bytes.length} bytes where ${allocation} are wanted`);
  if (bytes.length > MAX_ANSWER_BYTES) throw new Error(`${bytes.length} bytes of parameter data`);
}

/** SPC-4 section 4.5, both formats. */
function checkSense(error: SenseError): void {
  const [key, asc, ascq] = SENSE[error.sense];
  const fixed = encodeFixedSense(error);
  const isFixed = fixed.length === 18 && ((fixed[0] ?? 0) & 0x7f) === 0x70 && fixed[7] === 10;
  if (!isFixed || fixed[2] !== key || fixed[12] !== asc || fixed[13] !== ascq)
    throw new Error(`fixed sense ${fixed.toHex()}`);
  const described = encodeDescriptorSense(error);
  const isDescribed = described[0] === 0x72 && described[7] === described.length - 8;
  if (!isDescribed || described[1] !== key || described[2] !== asc || described[3] !== ascq)
    throw new Error(`descriptor sense ${Buffer.from(described).toString("hex")}`);
  for (let at = 8; at < described.length; at += 2 + (described[at + 1] ?? 0))
    if (at + 2 + (described[at + 1] ?? 0) > described.length)
      throw new Error("a sense descriptor beyond the end");
  const { field } = error;
  if (field !== undefined && (!Number.isInteger(field) || field < 0 || field > 0xffff))
    throw new Error(`field pointer ${field}`);
}

function recordsOf(input: Uint8Array): Sent[] {
  const records: Sent[] = [];
  for (let at = 1; at + RECORD_BYTES <= input.length;) {
    const length = (input[at + 18] ?? 0) * 256 + (input[at + 19] ?? 0);
    const end = Math.min(at + RECORD_BYTES + length, input.length);
    const cdb = input.slice(at + 2, at + 18);
    records.push({
      who: input[at] ?? 0,
      lun: input[at + 1] ?? 0,
      cdb,
      data: input.slice(at + RECORD_BYTES, end),
    });
    at = end;
  }
  return records;
}

function join({ who, lun, cdb, data }: Sent): Uint8Array {
  return Buffer.concat([Uint8Array.of(who, lun), cdb, Uint8Array.of(data.length >>> 8, data.length), data]);
}

function mutateCommand(record: Sent, random: Random): Sent {
  const cdb = record.cdb.slice();
  const view = new DataView(cdb.buffer);
  const lastBlock = DISK_BYTES / 512;
  switch (random.below(9)) {
    case 0:
      cdb[0] = random.chance(80) ? random.pick(opcodes) : random.below(256);
      return { ...record, cdb };
    case 1:
      cdb[1] = random.chance(50) ? random.below(32) : random.edge(8);
      return { ...record, cdb };
    case 2: {
      const lba = random.pick([0, 1, 8, 31, 32, lastBlock - 1, lastBlock, lastBlock + 1, random.edge(32)]);
      if (cdb[0] !== undefined && cdb[0] >= 0x80 && cdb[0] < 0xa0) view.setUint32(6, lba);
      else view.setUint32(2, lba);
      return { ...record, cdb };
    }
    case 3: {
      const count = random.pick([0, 1, 2, 7, 8, 255, 256, 257, random.edge(16)]);
      const at = random.pick([3, 7, 8, 12, 12]);
      view.setUint16(at, count);
      return { ...record, cdb };
    }
    case 4:
      cdb[random.below(16)] = random.edge(8);
      return { ...record, cdb };
    case 5:
      return { ...record, who: random.below(2), lun: random.below(8) === 0 ? 1 : 0 };
    case 6:
      return { ...record, data: withField(record.data, random) };
    case 7:
      return { ...record, data: mutateBytes(record.data, random).slice(0, 20_000) };
    default:
      return {
        ...record,
        data: new Uint8Array(random.pick([0, 8, 24, 512, 1024, 4096, 8192])).fill(random.below(256)),
      };
  }
}

/** Parameter lists are made of fields of four bytes, most of them small numbers. */
function withField(data: Uint8Array, random: Random): Uint8Array {
  if (data.length < 4) return data;
  const changed = new Uint8Array(data);
  const at = 4 * random.below(Math.floor(Math.min(data.length, 256) / 4));
  new DataView(changed.buffer).setUint32(at, random.chance(60) ? random.below(300) : random.edge(32));
  return changed;
}

const FIRST_INQUIRY = await new Disk(0).inquire();
