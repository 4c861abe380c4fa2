/** Copies between the units of a session, SPC-4 section 5.17. */
import { receiveCopyStatus, receiveOperatingParameters } from "../copy/copy-results.ts";
import { extendedCopy } from "../copy/extended-copy.ts";
import type { OpcodeRow } from "./row.ts";

export const COPY_ROWS: readonly OpcodeRow[] = [
  {
    opcode: 0x83,
    serviceAction: 0x00,
    name: "EXTENDED COPY(LID1)",
    usage: "83000000000000000000ffffffff0004",
    access: "control",
    at: "unit",
    run: extendedCopy,
  },
  {
    opcode: 0x84,
    serviceAction: 0x00,
    name: "RECEIVE COPY STATUS(LID1)",
    usage: "8400ff00000000000000ffffffff0004",
    access: "free",
    needsNoMedium: true,
    at: "unit",
    run: receiveCopyStatus,
  },
  {
    opcode: 0x84,
    serviceAction: 0x03,
    name: "RECEIVE COPY OPERATING PARAMETERS",
    usage: "84030000000000000000ffffffff0004",
    access: "free",
    needsNoMedium: true,
    at: "unit",
    run: receiveOperatingParameters,
  },
];
