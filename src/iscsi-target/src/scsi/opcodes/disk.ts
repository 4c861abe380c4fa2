/** What a disk says of itself and of its medium, SBC-3 section 5. */
import { readCapacity10, readCapacity16 } from "../capacity.ts";
import { readDefectData10, readDefectData12 } from "../defects.ts";
import { preventAllow, startStopUnit } from "../medium.ts";
import type { OpcodeRow } from "./row.ts";

export const DISK_ROWS: readonly OpcodeRow[] = [
  {
    opcode: 0x1b,
    name: "START STOP UNIT",
    usage: "1b010000f304",
    access: "control",
    needsNoMedium: true,
    at: "unit",
    run: startStopUnit,
  },
  {
    opcode: 0x1e,
    name: "PREVENT ALLOW MEDIUM REMOVAL",
    usage: "1e0000000304",
    access: "control",
    needsNoMedium: true,
    at: "unit",
    run: preventAllow,
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
    opcode: 0x37,
    name: "READ DEFECT DATA(10)",
    usage: "37001f00000000ffff04",
    access: "read",
    at: "unit",
    run: readDefectData10,
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
    opcode: 0xb7,
    name: "READ DEFECT DATA(12)",
    usage: "b71fffffffffffffffff0004",
    access: "read",
    at: "unit",
    run: readDefectData12,
  },
];
