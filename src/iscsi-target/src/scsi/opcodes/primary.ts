/** Commands that every kind of device has, SPC-4 section 6. */
import { inquiry } from "../inquiry.ts";
import { modeSelect10, modeSelect6 } from "../mode-select.ts";
import { modeSense10, modeSense6 } from "../mode-sense.ts";
import { reportLuns, requestSense, sendDiagnostic, testUnitReady } from "../primary.ts";
import type { OpcodeRow } from "./row.ts";

export const PRIMARY_ROWS: readonly OpcodeRow[] = [
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
  { opcode: 0x12, name: "INQUIRY", usage: "1201ffffff04", access: "free", at: "anyLun", run: inquiry },
  {
    opcode: 0x15,
    name: "MODE SELECT(6)",
    usage: "15110000ff04",
    access: "control",
    needsNoMedium: true,
    at: "unit",
    run: modeSelect6,
  },
  {
    opcode: 0x1a,
    name: "MODE SENSE(6)",
    usage: "1a08ffffff04",
    access: "read",
    needsNoMedium: true,
    at: "unit",
    run: modeSense6,
  },
  {
    opcode: 0x1d,
    name: "SEND DIAGNOSTIC",
    usage: "1df400ffff04",
    access: "control",
    at: "unit",
    run: sendDiagnostic,
  },
  {
    opcode: 0x55,
    name: "MODE SELECT(10)",
    usage: "55110000000000ffff04",
    access: "control",
    needsNoMedium: true,
    at: "unit",
    run: modeSelect10,
  },
  {
    opcode: 0x5a,
    name: "MODE SENSE(10)",
    usage: "5a18ffff000000ffff04",
    access: "read",
    needsNoMedium: true,
    at: "unit",
    run: modeSense10,
  },
  {
    opcode: 0xa0,
    name: "REPORT LUNS",
    usage: "a000ff000000ffffffff0004",
    access: "free",
    at: "anyLun",
    run: reportLuns,
  },
];
