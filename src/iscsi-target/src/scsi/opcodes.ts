/**
 * Every command of the disk, one row each: the decoder, the checks and REPORT SUPPORTED OPERATION CODES read the same table.
 * `usage` is the CDB usage data of SPC-4 6.35.3: a set bit is looked at (the service action holds its value).
 */
import { read, synchronizeCache, verify, write, writeAndVerify } from "./blocks.ts";
import { readCapacity10, readCapacity16 } from "./capacity.ts";
import type { Command, LunlessCommand } from "./command.ts";
import { inquiry } from "./inquiry.ts";
import { getLbaStatus } from "./lba-status.ts";
import { modeSense10, modeSense6 } from "./mode-sense.ts";
import type { Plan } from "./plan.ts";
import type { Access } from "./reservations/reservations.ts";
import {
  readFullStatus,
  readKeys,
  readReservation,
  reportCapabilities,
} from "./reservations/persistent-in.ts";
import { PERSISTENT_OUT } from "./reservations/persistent-out.ts";
import { releaseUnit, reserveUnit } from "./reservations/reserve-release.ts";
import { reportLuns, requestSense, startStopUnit, testUnitReady } from "./primary.ts";
import { unmap, writeSame } from "./provisioning.ts";
import { reportSupportedOpcodes } from "./supported-opcodes.ts";

interface RowBase {
  readonly opcode: number;
  readonly serviceAction?: number;
  readonly name: string;
  readonly usage: string;
  /** What reservations allow of it; "write" changes the medium, and is refused when that is read-only. */
  readonly access: Access;
}

export type OpcodeRow =
  | (RowBase & { readonly at: "unit"; readonly run: (command: Command) => Plan })
  /** Answered at every LUN, and while a unit attention waits (SPC-4 table 36). */
  | (RowBase & { readonly at: "anyLun"; readonly run: (command: LunlessCommand) => Plan });

export const OPCODE_ROWS: readonly OpcodeRow[] = [
  {
    opcode: 0x00,
    name: "TEST UNIT READY",
    usage: "000000000004",
    access: "status",
    at: "unit",
    run: testUnitReady,
  },
  {
    opcode: 0x03,
    name: "REQUEST SENSE",
    usage: "03010000ff04",
    access: "free",
    at: "anyLun",
    run: requestSense,
  },
  { opcode: 0x08, name: "READ(6)", usage: "081fffffff04", access: "read", at: "unit", run: read(6) },
  { opcode: 0x0a, name: "WRITE(6)", usage: "0a1fffffff04", at: "unit", access: "write", run: write(6) },
  { opcode: 0x12, name: "INQUIRY", usage: "1201ffffff04", access: "free", at: "anyLun", run: inquiry },
  { opcode: 0x16, name: "RESERVE(6)", usage: "161100000004", access: "status", at: "unit", run: reserveUnit },
  { opcode: 0x17, name: "RELEASE(6)", usage: "171100000004", access: "free", at: "unit", run: releaseUnit },
  { opcode: 0x1a, name: "MODE SENSE(6)", usage: "1a08ffffff04", access: "read", at: "unit", run: modeSense6 },
  {
    opcode: 0x1b,
    name: "START STOP UNIT",
    usage: "1b0000000304",
    access: "control",
    at: "unit",
    run: startStopUnit,
  },
  {
    opcode: 0x25,
    name: "READ CAPACITY(10)",
    usage: "2500ffffffff00000104",
    access: "free",
    at: "unit",
    run: readCapacity10,
  },
  {
    opcode: 0x28,
    name: "READ(10)",
    usage: "28f8ffffffff00ffff04",
    access: "read",
    at: "unit",
    run: read(10),
  },
  {
    opcode: 0x2a,
    name: "WRITE(10)",
    usage: "2af8ffffffff00ffff04",
    at: "unit",
    access: "write",
    run: write(10),
  },
  {
    opcode: 0x2e,
    name: "WRITE AND VERIFY(10)",
    usage: "2ef6ffffffff00ffff04",
    at: "unit",
    access: "write",
    run: writeAndVerify(10),
  },
  {
    opcode: 0x2f,
    name: "VERIFY(10)",
    usage: "2ff6ffffffff00ffff04",
    access: "read",
    at: "unit",
    run: verify(10),
  },
  {
    opcode: 0x35,
    name: "SYNCHRONIZE CACHE(10)",
    usage: "3502ffffffff00ffff04",
    access: "control",
    at: "unit",
    run: synchronizeCache(10),
  },
  {
    opcode: 0x41,
    name: "WRITE SAME(10)",
    usage: "41f8ffffffff00ffff04",
    at: "unit",
    access: "write",
    run: writeSame(10),
  },
  { opcode: 0x42, name: "UNMAP", usage: "42010000000000ffff04", at: "unit", access: "write", run: unmap },
  {
    opcode: 0x56,
    name: "RESERVE(10)",
    usage: "56110000000000000004",
    access: "status",
    at: "unit",
    run: reserveUnit,
  },
  {
    opcode: 0x57,
    name: "RELEASE(10)",
    usage: "57110000000000000004",
    access: "free",
    at: "unit",
    run: releaseUnit,
  },
  {
    opcode: 0x5a,
    name: "MODE SENSE(10)",
    usage: "5a18ffff000000ffff04",
    access: "read",
    at: "unit",
    run: modeSense10,
  },
  {
    opcode: 0x5e,
    serviceAction: 0,
    name: "PERSISTENT RESERVE IN, READ KEYS",
    usage: "5e000000000000ffff04",
    access: "status",
    at: "unit",
    run: readKeys,
  },
  {
    opcode: 0x5e,
    serviceAction: 1,
    name: "PERSISTENT RESERVE IN, READ RESERVATION",
    usage: "5e010000000000ffff04",
    access: "status",
    at: "unit",
    run: readReservation,
  },
  {
    opcode: 0x5e,
    serviceAction: 2,
    name: "PERSISTENT RESERVE IN, REPORT CAPABILITIES",
    usage: "5e020000000000ffff04",
    access: "status",
    at: "unit",
    run: reportCapabilities,
  },
  {
    opcode: 0x5e,
    serviceAction: 3,
    name: "PERSISTENT RESERVE IN, READ FULL STATUS",
    usage: "5e030000000000ffff04",
    access: "status",
    at: "unit",
    run: readFullStatus,
  },
  {
    opcode: 0x5f,
    serviceAction: 0,
    name: "PERSISTENT RESERVE OUT, REGISTER",
    usage: "5f00000000ffffffff04",
    access: "status",
    at: "unit",
    run: PERSISTENT_OUT.register,
  },
  {
    opcode: 0x5f,
    serviceAction: 1,
    name: "PERSISTENT RESERVE OUT, RESERVE",
    usage: "5f01ff0000ffffffff04",
    access: "status",
    at: "unit",
    run: PERSISTENT_OUT.reserve,
  },
  {
    opcode: 0x5f,
    serviceAction: 2,
    name: "PERSISTENT RESERVE OUT, RELEASE",
    usage: "5f02ff0000ffffffff04",
    access: "status",
    at: "unit",
    run: PERSISTENT_OUT.release,
  },
  {
    opcode: 0x5f,
    serviceAction: 3,
    name: "PERSISTENT RESERVE OUT, CLEAR",
    usage: "5f03000000ffffffff04",
    access: "status",
    at: "unit",
    run: PERSISTENT_OUT.clear,
  },
  {
    opcode: 0x5f,
    serviceAction: 4,
    name: "PERSISTENT RESERVE OUT, PREEMPT",
    usage: "5f04ff0000ffffffff04",
    access: "status",
    at: "unit",
    run: PERSISTENT_OUT.preempt,
  },
  {
    opcode: 0x5f,
    serviceAction: 5,
    name: "PERSISTENT RESERVE OUT, PREEMPT AND ABORT",
    usage: "5f05ff0000ffffffff04",
    access: "status",
    at: "unit",
    run: PERSISTENT_OUT.preemptAndAbort,
  },
  {
    opcode: 0x5f,
    serviceAction: 6,
    name: "PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY",
    usage: "5f06000000ffffffff04",
    access: "status",
    at: "unit",
    run: PERSISTENT_OUT.registerAndIgnore,
  },
  {
    opcode: 0x88,
    name: "READ(16)",
    usage: "88f8ffffffffffffffffffffffff0004",
    access: "read",
    at: "unit",
    run: read(16),
  },
  {
    opcode: 0x8a,
    name: "WRITE(16)",
    usage: "8af8ffffffffffffffffffffffff0004",
    at: "unit",
    access: "write",
    run: write(16),
  },
  {
    opcode: 0x8e,
    name: "WRITE AND VERIFY(16)",
    usage: "8ef6ffffffffffffffffffffffff0004",
    at: "unit",
    access: "write",
    run: writeAndVerify(16),
  },
  {
    opcode: 0x8f,
    name: "VERIFY(16)",
    usage: "8ff6ffffffffffffffffffffffff0004",
    access: "read",
    at: "unit",
    run: verify(16),
  },
  {
    opcode: 0x91,
    name: "SYNCHRONIZE CACHE(16)",
    usage: "9102ffffffffffffffffffffffff0004",
    access: "control",
    at: "unit",
    run: synchronizeCache(16),
  },
  {
    opcode: 0x93,
    name: "WRITE SAME(16)",
    usage: "93f9ffffffffffffffffffffffff0004",
    at: "unit",
    access: "write",
    run: writeSame(16),
  },
  {
    opcode: 0x9e,
    serviceAction: 0x10,
    name: "READ CAPACITY(16)",
    usage: "9e10ffffffffffffffffffffffff0104",
    access: "free",
    at: "unit",
    run: readCapacity16,
  },
  {
    opcode: 0x9e,
    serviceAction: 0x12,
    name: "GET LBA STATUS",
    usage: "9e12ffffffffffffffffffffffff0004",
    access: "read",
    at: "unit",
    run: getLbaStatus,
  },
  {
    opcode: 0xa0,
    name: "REPORT LUNS",
    usage: "a000ff000000ffffffff0004",
    access: "free",
    at: "anyLun",
    run: reportLuns,
  },
  {
    opcode: 0xa3,
    serviceAction: 0x0c,
    name: "REPORT SUPPORTED OPERATION CODES",
    usage: "a30c87ffffffffffffff0004",
    access: "status",
    at: "unit",
    run: (command) => reportSupportedOpcodes(command.cdb, OPCODE_ROWS),
  },
  {
    opcode: 0xa8,
    name: "READ(12)",
    usage: "a8f8ffffffffffffffff0004",
    access: "read",
    at: "unit",
    run: read(12),
  },
  {
    opcode: 0xaa,
    name: "WRITE(12)",
    usage: "aaf8ffffffffffffffff0004",
    at: "unit",
    access: "write",
    run: write(12),
  },
  {
    opcode: 0xae,
    name: "WRITE AND VERIFY(12)",
    usage: "aef6ffffffffffffffff0004",
    at: "unit",
    access: "write",
    run: writeAndVerify(12),
  },
  {
    opcode: 0xaf,
    name: "VERIFY(12)",
    usage: "aff6ffffffffffffffff0004",
    access: "read",
    at: "unit",
    run: verify(12),
  },
];
