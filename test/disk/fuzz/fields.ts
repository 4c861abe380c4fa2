/** The places of an overlay file and its journal that a hostile writer would think of, and the values it would put there. */
import { CLUSTER_BYTES } from "../../../src/disk/qcow2/units.ts";

/** Where a poke goes; the index is its first byte in an input. */
export const REGIONS = ["header", "refcountTable", "refcountBlock", "l1", "l2", "journal", "length"] as const;
export type Region = (typeof REGIONS)[number];

/** As `layOutOverlay` lays a file out; the first L2 table comes behind that and the data. */
export const REGION_CLUSTER: Record<Exclude<Region, "journal" | "length" | "l2">, number> = {
  header: 0,
  refcountTable: 1,
  refcountBlock: 2,
  l1: 3,
};

export interface PlaceOfField {
  readonly region: Region;
  readonly offset: number;
  readonly bytes: 1 | 2 | 4 | 8;
}

const field = (region: Region, offset: number, bytes: PlaceOfField["bytes"]): PlaceOfField => ({
  region,
  offset,
  bytes,
});

export const FIELDS: readonly PlaceOfField[] = [
  ...[0, 4, 16, 20, 32, 36, 56, 60, 96, 100].map((offset) => field("header", offset, 4)),
  ...[8, 24, 40, 48, 64, 72, 80, 88].map((offset) => field("header", offset, 8)),
  ...[112, 116, 120, 124, 128, 132].map((offset) => field("header", offset, 4)),
  ...[0, 8, 16].map((offset) => field("refcountTable", offset, 8)),
  ...[0, 2, 4, 6, 8, 10, 12, 14, 16].map((offset) => field("refcountBlock", offset, 2)),
  field("l1", 0, 8),
  ...[0, 16, 32, 48, 64].flatMap((entry) => [
    field("l2", entry, 8),
    field("l2", entry + 8, 4),
    field("l2", entry + 12, 4),
  ]),
  ...[8, 16].map((offset) => field("journal", offset, 8)),
  ...[0, 24, 28, 32, 36, 40].map((offset) => field("journal", offset, 4)),
  field("length", 0, 4),
];

const COPIED = 1n << 63n;
const clusters = Array.from({ length: 12 }, (_, index) => BigInt(index * CLUSTER_BYTES));

export const VALUES: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  16n,
  17n,
  255n,
  0xffffn,
  0xffff_ffffn,
  2n ** 63n - 1n,
  2n ** 64n - 1n,
  1n << 62n,
  COPIED | (1n << 40n),
  COPIED | 512n,
  ...clusters,
  ...clusters.map((offset) => COPIED | offset),
  ...[0n, 1n, 2n, 4n, 5n, 40n, 63n].map((bit) => 16n | (1n << bit)),
];
