/**
 * Numbers of the overlay format, and their kinds. qcow2 v3 with extended L2 entries: a cluster of 128 KiB has 32 subclusters
 * of 4 KiB, so that the first write to a place costs 4 KiB, as on a plain file, while the tables stay small.
 */
declare const kind: unique symbol;
type Integer<Name extends string> = number & { readonly [kind]: Name };

/** Index of a cluster of the disk that the guest sees. */
export type GuestCluster = Integer<"GuestCluster">;
/** Index of a cluster of the file. Cluster 0 holds the header, so 0 also says "none". */
export type HostCluster = Integer<"HostCluster">;
/** Index of a slice: the part of an L2 table that the cache holds as one piece. */
export type SliceIndex = Integer<"SliceIndex">;

export const CLUSTER_BITS = 17;
export const CLUSTER_BYTES = 1 << CLUSTER_BITS;
export const SUBCLUSTERS = 32;
export const SUBCLUSTER_BYTES = CLUSTER_BYTES / SUBCLUSTERS;

export const L1_ENTRY_BYTES = 8;
export const L2_ENTRY_BYTES = 16;
export const ENTRIES_PER_L2 = CLUSTER_BYTES / L2_ENTRY_BYTES;
/** Guest bytes that one L2 table maps: 1 GiB. */
export const L2_COVERS_BYTES = ENTRIES_PER_L2 * CLUSTER_BYTES;

/** A page of the host: the unit in which L2 tables are cached and written. */
export const SLICE_BYTES = 4096;
export const ENTRIES_PER_SLICE = SLICE_BYTES / L2_ENTRY_BYTES;
export const SLICES_PER_L2 = CLUSTER_BYTES / SLICE_BYTES;

/** Refcounts are 16 bits wide (refcount_order 4), the width that every qemu has. */
export const REFCOUNT_ORDER = 4;
export const REFCOUNT_BYTES = 2;
export const REFCOUNTS_PER_BLOCK = CLUSTER_BYTES / REFCOUNT_BYTES;

/** Largest disk: 16 TiB, the most that ext4 takes as one file; its L1 table fills exactly one cluster. */
export const MAX_DISK_BYTES = 16 * 2 ** 40;
export const MAX_L1_ENTRIES = MAX_DISK_BYTES / L2_COVERS_BYTES;

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- inferred from where the number goes
function branded<Kind extends number>(value: number): Kind {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place that says what a number counts
  return value as Kind;
}

export function guestCluster(index: number): GuestCluster {
  return branded(index);
}

export function guestClusterOf(offset: number): GuestCluster {
  return branded(Math.floor(offset / CLUSTER_BYTES));
}

export function hostCluster(index: number): HostCluster {
  return branded(index);
}

/** The cluster at a byte offset of the file, which must be aligned. */
export function hostClusterAt(offset: number): HostCluster {
  return branded(offset / CLUSTER_BYTES);
}

export const NO_CLUSTER = hostCluster(0);

export function hostOffset(cluster: HostCluster): number {
  return cluster * CLUSTER_BYTES;
}

export function sliceOf(cluster: GuestCluster): SliceIndex {
  return branded(Math.floor(cluster / ENTRIES_PER_SLICE));
}

/** The `count` bits from bit `first` of a subcluster mask, as an unsigned 32-bit number. */
export function subclusterMask(first: number, count: number): number {
  return count === SUBCLUSTERS ? 0xffffffff : (((1 << count) - 1) << first) >>> 0;
}
