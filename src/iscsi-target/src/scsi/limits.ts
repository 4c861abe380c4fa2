/** Limits of single commands; Block Limits (VPD B0h) tells them to the initiator. */

/** READ and WRITE: data is streamed, so this bounds the time that one command holds the connection. */
export const MAX_TRANSFER_BYTES = 64 * 1024 * 1024;
/** What is asked of hosts: larger single transfers gain nothing over a LAN. */
export const OPTIMAL_TRANSFER_BYTES = 1024 * 1024;
/** WRITE SAME writes real blocks, so it is bounded like a transfer. */
export const MAX_WRITE_SAME_BYTES = 64 * 1024 * 1024;
/** COMPARE AND WRITE holds twice this in memory; ESXi compares one sector. */
export const MAX_COMPARE_AND_WRITE_BYTES = 64 * 1024;
/** UNMAP per command: a discard is one call to the device, on the event loop. */
export const MAX_UNMAP_BYTES = 512 * 1024 * 1024;
export const MAX_UNMAP_DESCRIPTORS = 256;
/** What hosts are asked to align to, and give back in: the page of host file systems and of overlays. */
export const GRANULARITY_BYTES = 4096;
/** Parameter lists and VERIFY data are gathered in memory: one command, and all of a session together. */
export const MAX_GATHER_BYTES = 1024 * 1024;
export const MAX_SESSION_GATHER_BYTES = 8 * 1024 * 1024;
/** GET LBA STATUS looks this far, and tells at most so many extents: the map of a disk is asked for piece by piece. */
export const MAX_MAPPED_BYTES = 1024 * 1024 * 1024;
export const MAX_LBA_DESCRIPTORS = 256;
