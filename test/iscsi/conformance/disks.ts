/** The disks that the suite runs over: what each is, and what of the suite no target can do on such a disk. */
import type { ServeOptions } from "../../../src/iscsi-target/testing/serve.ts";

export const LOGIN = { user: "pi", secret: "0123456789abcdef" };

/** A fault of the tool: what it does, and how that was seen. */
export interface Excuse {
  readonly tests: readonly string[];
  readonly why: string;
}

export interface Disk {
  readonly name: string;
  /** Of a disk in memory that the target alone serves, or a session of the whole server. */
  readonly options: Omit<ServeOptions, "device"> | "pinetboot";
  readonly readOnly?: true;
  /** What passed when this was written: fewer is a loss. */
  readonly passes: number;
  readonly excuses: readonly Excuse[];
}

const WITH_LARGE_PHYSICAL_BLOCKS: readonly Excuse[] = [
  {
    tests: ["SCSI.CompareAndWrite.InvalidDataOutSize"],
    why:
      "It means to send a wrong length and does not: on the wire both of its commands say 2 blocks in their CDB and " +
      "bring the 2048 bytes that belong to those. Where physical blocks are no larger it does not run.",
  },
  {
    tests: ["SCSI.GetLBAStatus.UnmapSingle"],
    why:
      "In its second part it asks about LBA i + 1 and expects the first descriptor to begin at i + 8, the next physical " +
      "block. SBC-3 5.4 begins with the LBA that was asked for (QEMU relies on it). With physical blocks as large as " +
      "logical ones both are the same, and it passes.",
  },
];

const WITHOUT_WRITES: readonly Excuse[] = [
  {
    tests: ["EA", "WE", "EARO", "WERO", "EAAR", "WEAR"].map((type) => `SCSI.ProutReserve.Access${type}`),
    why: "To see that a reservation lets its holder write it writes a block, whatever the disk says of itself.",
  },
  {
    tests: [10, 12, 16].map((size) => `SCSI.WriteVerify${size}.Dpo`),
    why: "To see that the DPO bit is taken it writes a block, whatever the disk says of itself.",
  },
];

export const DISKS: readonly Disk[] = [
  {
    name: "a session of pinetboot: an overlay over an image",
    options: "pinetboot",
    passes: 205,
    excuses: [],
  },
  {
    name: "thin, 512-byte blocks in physical ones of 4096",
    options: { unit: { physicalBlockSizeBytes: 4096 } },
    passes: 206,
    excuses: WITH_LARGE_PHYSICAL_BLOCKS,
  },
  { name: "4096-byte blocks", options: { blockSizeBytes: 4096 }, passes: 203, excuses: [] },
  {
    name: "removable, with a CHAP login",
    options: { auth: LOGIN, unit: { removable: true } },
    passes: 214,
    excuses: [],
  },
  { name: "read-only", options: {}, readOnly: true, passes: 112, excuses: WITHOUT_WRITES },
];

/** Tests of a read-only disk that the tool gives up before it sends anything, unless it may destroy data. */
export const NEED_LEAVE_TO_WRITE = /^SCSI\.(?:ReadOnly|Prin|Prout|WriteVerify\d+\.Dpo)/;
