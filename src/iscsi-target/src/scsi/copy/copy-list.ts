/**
 * The parameter list of EXTENDED COPY (LID1), SPC-4 section 6.4: a header, the units (CSCD descriptors), the segments.
 * Decoding checks its form only; which units there are and what they hold is for whoever carries it out.
 */
import { getU16, getU24, getU32, getU64, getU8 } from "../../wire/bytes.ts";
import { SenseError } from "../sense.ts";
import {
  MAX_COPY_SEGMENTS,
  MAX_COPY_TARGETS,
  MAX_DESCRIPTOR_LIST_BYTES,
  SEGMENT_BYTES,
  SEGMENT_DESCRIPTOR,
  TARGET_DESCRIPTOR,
  TARGET_DESCRIPTOR_BYTES,
} from "./copy-limits.ts";

export interface CopyTarget {
  /** Hex digits of an NAA designator; undefined when the unit is named in another way. */
  readonly naa: string | undefined;
  readonly blockBytes: number;
}

export interface CopySegment {
  readonly sourceIndex: number;
  readonly destinationIndex: number;
  readonly sourceLba: number;
  readonly destinationLba: number;
  /** In blocks of the destination (DC) or of the source, or in bytes when the segment counts those. */
  readonly count: number;
  readonly countsIn: "sourceBlocks" | "destinationBlocks" | "bytes";
  readonly sourceByteOffset: number;
  readonly destinationByteOffset: number;
}

export interface CopyList {
  readonly listId: number;
  /** Nobody will ask for its results (LIST ID USAGE 11b), and the list id means nothing. */
  readonly isAnonymous: boolean;
  readonly targets: readonly CopyTarget[];
  readonly segments: readonly CopySegment[];
}

const HEADER_BYTES = 16;
const NO_LIST_ID = 3;
const DC_BIT = 0x02;
const NAA_DESIGNATOR = 0x03;
const BINARY = 0x01;

/** Throws SenseError. */
export function decodeCopyList(list: Uint8Array): CopyList {
  if (list.length < HEADER_BYTES) throw new SenseError("parameterListLengthError");
  const targetBytes = getU16(list, 2);
  const segmentBytes = getU32(list, 8);
  const inlineBytes = getU32(list, 12);
  const descriptorBytes = targetBytes + segmentBytes;
  if (descriptorBytes > MAX_DESCRIPTOR_LIST_BYTES || HEADER_BYTES + descriptorBytes > list.length)
    throw new SenseError("parameterListLengthError");
  if (inlineBytes > 0) throw new SenseError("inlineDataLengthExceeded", { field: 12 });
  const segmentsAt = HEADER_BYTES + targetBytes;
  return {
    listId: getU8(list, 0),
    isAnonymous: ((getU8(list, 1) >>> 3) & 3) === NO_LIST_ID,
    targets: decodeTargets(list.subarray(HEADER_BYTES, segmentsAt)),
    segments: decodeSegments(list.subarray(segmentsAt, segmentsAt + segmentBytes)),
  };
}

function decodeTargets(bytes: Uint8Array): CopyTarget[] {
  const targets: CopyTarget[] = [];
  for (let at = 0; at < bytes.length; at += TARGET_DESCRIPTOR_BYTES) {
    if (targets.length === MAX_COPY_TARGETS) throw new SenseError("tooManyTargetDescriptors");
    if (getU8(bytes, at) !== TARGET_DESCRIPTOR.identification)
      throw new SenseError("unsupportedTargetDescriptor", { field: HEADER_BYTES + at });
    if (at + TARGET_DESCRIPTOR_BYTES > bytes.length) throw new SenseError("parameterListLengthError");
    const isNaa =
      (getU8(bytes, at + 4) & 0x0f) === BINARY && (getU8(bytes, at + 5) & 0x3f) === NAA_DESIGNATOR;
    const nameBytes = getU8(bytes, at + 7);
    targets.push({
      naa: isNaa && nameBytes <= 16 ? bytes.subarray(at + 8, at + 8 + nameBytes).toHex() : undefined,
      blockBytes: getU24(bytes, at + 29),
    });
  }
  return targets;
}

function decodeSegments(bytes: Uint8Array): CopySegment[] {
  const segments: CopySegment[] = [];
  for (let at = 0; at < bytes.length;) {
    if (segments.length === MAX_COPY_SEGMENTS) throw new SenseError("tooManySegmentDescriptors");
    const type = getU8(bytes, at);
    if (type !== SEGMENT_DESCRIPTOR.blocks && type !== SEGMENT_DESCRIPTOR.blocksWithOffset)
      throw new SenseError("unsupportedSegmentDescriptor");
    const withOffset = type === SEGMENT_DESCRIPTOR.blocksWithOffset;
    const size = withOffset ? SEGMENT_BYTES.blocksWithOffset : SEGMENT_BYTES.blocks;
    if (at + size > bytes.length) throw new SenseError("parameterListLengthError");
    if (getU16(bytes, at + 2) !== size - 4) throw new SenseError("invalidFieldInParameterList");
    const inDestinationBlocks = (getU8(bytes, at + 1) & DC_BIT) !== 0;
    segments.push({
      sourceIndex: getU16(bytes, at + 4),
      destinationIndex: getU16(bytes, at + 6),
      sourceLba: getU64(bytes, at + 12),
      destinationLba: getU64(bytes, at + 20),
      ...(withOffset
        ? {
            count: getU32(bytes, at + 8),
            countsIn: "bytes",
            sourceByteOffset: getU16(bytes, at + 28),
            destinationByteOffset: getU16(bytes, at + 30),
          }
        : {
            count: getU16(bytes, at + 10),
            countsIn: inDestinationBlocks ? "destinationBlocks" : "sourceBlocks",
            sourceByteOffset: 0,
            destinationByteOffset: 0,
          }),
    });
    at += size;
  }
  return segments;
}
