/**
 * An MBR written from nothing: one partition, and no program that a PC could start.
 *
 *   440 id | 446 entries of 16: active, first CHS, type, last CHS, first sector, sectors | 510 0x55 0xaa
 */

export const MBR_BYTES = 512;
const SECTOR_BYTES = 512;
const ID_AT = 440;
const ENTRY_AT = 446;
const SIGNATURE_AT = 510;
const SIGNATURE = 0xaa55;
/** Cylinder, head and sector of a place that they cannot express: who reads them is to take the sector's number. */
const CHS_TOO_FAR = [0xfe, 0xff, 0xff];

export interface OnePartition {
  /** As in `MBR_TYPES` of partitions.ts: 0x0c is FAT32 by sector numbers. */
  readonly type: number;
  /** Both multiples of 512. */
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /** 32 bits; Linux makes the PARTUUID of it. */
  readonly diskId: number;
}

/** The disk's first sector. Throws a RangeError for a partition that is not made of whole sectors below 2 TiB. */
export function encodeMbr({ type, offsetBytes, sizeBytes, diskId }: OnePartition): Uint8Array {
  if (offsetBytes % SECTOR_BYTES !== 0 || sizeBytes % SECTOR_BYTES !== 0)
    throw new RangeError("a partition is made of whole sectors");
  if ((offsetBytes + sizeBytes) / SECTOR_BYTES > 2 ** 32) throw new RangeError("an MBR ends at 2 TiB");
  const sector = new Uint8Array(MBR_BYTES);
  const view = new DataView(sector.buffer);
  view.setUint32(ID_AT, diskId, true);
  sector.set([0, ...CHS_TOO_FAR, type, ...CHS_TOO_FAR], ENTRY_AT);
  view.setUint32(ENTRY_AT + 8, offsetBytes / SECTOR_BYTES, true);
  view.setUint32(ENTRY_AT + 12, sizeBytes / SECTOR_BYTES, true);
  view.setUint16(SIGNATURE_AT, SIGNATURE, true);
  return sector;
}
