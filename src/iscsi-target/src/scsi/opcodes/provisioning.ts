/** Blocks filled, given back and asked about: logical block provisioning, SBC-3 section 4.7. */
import { getLbaStatus } from "../lba-status.ts";
import { unmap, writeSame } from "../provisioning.ts";
import type { OpcodeRow } from "./row.ts";

export const PROVISIONING_ROWS: readonly OpcodeRow[] = [
  {
    opcode: 0x41,
    name: "WRITE SAME(10)",
    usage: "41f8ffffffff00ffff04",
    at: "unit",
    access: "write",
    run: writeSame(10),
  },
  {
    opcode: 0x42,
    name: "UNMAP",
    usage: "42010000000000ffff04",
    at: "unit",
    access: "write",
    run: unmap,
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
    serviceAction: 0x12,
    name: "GET LBA STATUS",
    usage: "9e12ffffffffffffffffffffffff0004",
    access: "read",
    at: "unit",
    run: getLbaStatus,
  },
];
