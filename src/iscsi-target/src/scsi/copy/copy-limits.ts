/** What one EXTENDED COPY may ask for; RECEIVE COPY RESULTS and VPD page 8Fh tell it to the initiator. */

/** Units of the same target only: a host names the two that it copies between, and seldom more. */
export const MAX_COPY_TARGETS = 8;
export const MAX_COPY_SEGMENTS = 32;
/** One segment; ESXi copies 4 MiB at a time. */
export const MAX_SEGMENT_BYTES = 16 * 1024 * 1024;
/** A whole command: it holds its session's end for as long as it takes, which is under a second. */
export const MAX_COPY_BYTES = 64 * 1024 * 1024;

export const TARGET_DESCRIPTOR = { identification: 0xe4 } as const;
export const SEGMENT_DESCRIPTOR = { blocks: 0x02, blocksWithOffset: 0x0a } as const;
export const TARGET_DESCRIPTOR_BYTES = 32;
export const SEGMENT_BYTES = { blocks: 28, blocksWithOffset: 32 } as const;
export const MAX_DESCRIPTOR_LIST_BYTES =
  MAX_COPY_TARGETS * TARGET_DESCRIPTOR_BYTES + MAX_COPY_SEGMENTS * SEGMENT_BYTES.blocksWithOffset;

/** Type codes in ascending order, as both reports want them. */
export const COPY_DESCRIPTOR_TYPES: readonly number[] = [
  SEGMENT_DESCRIPTOR.blocks,
  SEGMENT_DESCRIPTOR.blocksWithOffset,
  TARGET_DESCRIPTOR.identification,
];
