/** RECEIVE COPY STATUS and RECEIVE COPY OPERATING PARAMETERS (LID1), SPC-4 sections 6.27 and 6.26; VPD page 8Fh, 7.8.17. */
import { getU32, getU8, setU16, setU32 } from "../../wire/bytes.ts";
import type { Command } from "../command.ts";
import { type Plan, dataPlan } from "../plan.ts";
import { SenseError } from "../sense.ts";
import {
  COPY_DESCRIPTOR_TYPES,
  MAX_COPY_SEGMENTS,
  MAX_COPY_TARGETS,
  MAX_DESCRIPTOR_LIST_BYTES,
  MAX_SEGMENT_BYTES,
} from "./copy-limits.ts";

const STATUS = { inProgress: 0, completed: 1, failed: 2 } as const;
/** Copies at once: one session's commands can all be copies, and its window bounds those. */
const CONCURRENT_COPIES = 1;

export function receiveCopyStatus({ cdb, unit }: Command): Plan {
  const progress = unit.copies.get(getU8(cdb, 2));
  if (!progress) throw new SenseError("invalidFieldInCdb", { field: 2 });
  const bytes = new Uint8Array(12);
  setU32(bytes, 0, bytes.length - 4);
  bytes[4] = STATUS[progress.state];
  setU16(bytes, 5, progress.segments);
  setU32(bytes, 8, progress.bytes); // units 0: bytes
  return dataPlan(bytes, getU32(cdb, 10));
}

export function receiveOperatingParameters({ cdb }: Command): Plan {
  const bytes = new Uint8Array(44 + COPY_DESCRIPTOR_TYPES.length);
  setU32(bytes, 0, bytes.length - 4);
  bytes[4] = 0x01; // SNLID: a copy may go without a list id
  setU16(bytes, 8, MAX_COPY_TARGETS);
  setU16(bytes, 10, MAX_COPY_SEGMENTS);
  setU32(bytes, 12, MAX_DESCRIPTOR_LIST_BYTES);
  setU32(bytes, 16, MAX_SEGMENT_BYTES);
  setU16(bytes, 34, CONCURRENT_COPIES);
  bytes[36] = CONCURRENT_COPIES;
  bytes[43] = COPY_DESCRIPTOR_TYPES.length;
  bytes.set(COPY_DESCRIPTOR_TYPES, 44);
  return dataPlan(bytes, getU32(cdb, 10));
}

/** Third-party copy descriptors, each of type, length and a body of whole words. */
export function thirdPartyCopyPage(): Uint8Array {
  const parameters = new Uint8Array(28);
  setU16(parameters, 4, MAX_COPY_TARGETS);
  setU16(parameters, 6, MAX_COPY_SEGMENTS);
  setU32(parameters, 8, MAX_DESCRIPTOR_LIST_BYTES);
  const general = new Uint8Array(32);
  setU32(general, 0, CONCURRENT_COPIES);
  setU32(general, 4, CONCURRENT_COPIES);
  setU32(general, 8, MAX_SEGMENT_BYTES);
  return Buffer.concat([
    // Supported commands: EXTENDED COPY(LID1); RECEIVE COPY STATUS and OPERATING PARAMETERS.
    descriptor(0x0001, Uint8Array.of(7, 0x83, 1, 0x00, 0x84, 2, 0x00, 0x03)),
    descriptor(0x0004, parameters),
    descriptor(0x0008, Uint8Array.of(COPY_DESCRIPTOR_TYPES.length, ...COPY_DESCRIPTOR_TYPES)),
    // Supported CSCD descriptor ids: none but those of the list.
    descriptor(0x000c, new Uint8Array(4)),
    descriptor(0x8001, general),
  ]);
}

function descriptor(type: number, body: Uint8Array): Uint8Array {
  const header = new Uint8Array(4);
  setU16(header, 0, type);
  setU16(header, 2, body.length);
  return Buffer.concat([header, body]);
}
