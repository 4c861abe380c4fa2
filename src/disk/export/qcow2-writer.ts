/**
 * A qcow2 file that stands alone, for other programs: version 3 with clusters of 64 KiB and nothing that an old reader
 * would refuse. It is written from the front to the back:
 *
 *   header | data clusters, each L2 table behind the data that it maps | L1 | refcount table | refcount blocks
 */
import type { HostFile } from "../host/file.ts";
import { encodeFields } from "../qcow2/fields.ts";
import { HEADER, HEADER_BYTES, MAGIC, VERSION } from "../qcow2/header.ts";
import type { ExportWriter } from "./writer.ts";
import { dataRuns } from "./zeros.ts";

const CLUSTER_BITS = 16;
const CLUSTER_BYTES = 1 << CLUSTER_BITS;
const POINTER_BYTES = 8;
const POINTERS_PER_CLUSTER = CLUSTER_BYTES / POINTER_BYTES;
/** Disk that one L2 table maps: 512 MiB. */
const L2_COVERS_BYTES = POINTERS_PER_CLUSTER * CLUSTER_BYTES;
const REFCOUNT_ORDER = 4;
const REFCOUNT_BYTES = 2;
const REFCOUNTS_PER_BLOCK = CLUSTER_BYTES / REFCOUNT_BYTES;
/** Set in every pointer: the cluster has one owner. */
const COPIED = 1n << 63n;

export class Qcow2Writer implements ExportWriter {
  writtenBytes = 0;
  readonly #l1: BigUint64Array;
  #l2: DataView | undefined;
  #l2Index = 0;
  /** First cluster that is not used yet; the header has the first. */
  #end = 1;

  constructor(
    private readonly file: HostFile,
    private readonly sizeBytes: number,
  ) {
    this.#l1 = new BigUint64Array(Math.ceil(sizeBytes / L2_COVERS_BYTES));
  }

  get fileEnd(): number {
    return this.#end * CLUSTER_BYTES;
  }

  push(bytes: Buffer, offset: number): void {
    for (let at = 0; at < bytes.byteLength; at += CLUSTER_BYTES) {
      this.#pushCluster(bytes.subarray(at, at + CLUSTER_BYTES), offset + at);
    }
  }

  finish(): void {
    this.#closeTable();
    const l1 = this.#take(Math.ceil((this.#l1.length * POINTER_BYTES) / CLUSTER_BYTES));
    this.#writePointers(this.#l1, l1);
    const { table, tableClusters } = this.#writeRefcounts();
    const header = new Uint8Array(CLUSTER_BYTES);
    encodeFields(
      HEADER,
      {
        magic: MAGIC,
        version: VERSION,
        backingNameOffset: 0,
        backingNameBytes: 0,
        clusterBits: CLUSTER_BITS,
        sizeBytes: this.sizeBytes,
        encryption: 0,
        l1Entries: this.#l1.length,
        l1Offset: l1 * CLUSTER_BYTES,
        refcountTableOffset: table * CLUSTER_BYTES,
        refcountTableClusters: tableClusters,
        snapshots: 0,
        snapshotsOffset: 0,
        incompatible: 0n,
        compatible: 0n,
        autoclear: 0n,
        refcountOrder: REFCOUNT_ORDER,
        headerBytes: HEADER_BYTES,
      },
      header,
    );
    // The extensions end at once: zeros.
    this.#write(header, 0);
    this.file.truncate(this.#end * CLUSTER_BYTES);
  }

  #pushCluster(bytes: Buffer, offset: number): void {
    const runs = [...dataRuns(bytes)];
    if (runs.length === 0) return;
    const index = Math.floor(offset / L2_COVERS_BYTES);
    if (index !== this.#l2Index) this.#closeTable();
    this.#l2Index = index;
    this.#l2 ??= new DataView(new ArrayBuffer(CLUSTER_BYTES));
    const cluster = this.#take(1);
    for (const { start, end } of runs)
      this.#write(bytes.subarray(start, end), cluster * CLUSTER_BYTES + start);
    const place = Math.floor((offset % L2_COVERS_BYTES) / CLUSTER_BYTES);
    this.#l2.setBigUint64(place * POINTER_BYTES, COPIED | BigInt(cluster * CLUSTER_BYTES));
  }

  #closeTable(): void {
    if (!this.#l2) return;
    const cluster = this.#take(1);
    this.#write(new Uint8Array(this.#l2.buffer), cluster * CLUSTER_BYTES);
    this.#l1[this.#l2Index] = COPIED | BigInt(cluster * CLUSTER_BYTES);
    this.#l2 = undefined;
  }

  /** Counts every cluster of the file once, the tables of the counts among them. */
  #writeRefcounts(): { readonly table: number; readonly tableClusters: number } {
    const before = this.#end;
    let blocks = 0;
    let tableClusters = 0;
    // Blocks count themselves and the table: their number is found when one more changes nothing.
    for (let all = -1; all !== before + blocks + tableClusters;) {
      all = before + blocks + tableClusters;
      blocks = Math.ceil(all / REFCOUNTS_PER_BLOCK);
      tableClusters = Math.ceil((blocks * POINTER_BYTES) / CLUSTER_BYTES);
    }
    const table = this.#take(tableClusters);
    const first = this.#take(blocks);
    this.#writePointers(
      BigUint64Array.from({ length: blocks }, (_, i) => BigInt((first + i) * CLUSTER_BYTES)),
      table,
    );
    for (let index = 0; index < blocks; index += 1) {
      const counted = Math.min(REFCOUNTS_PER_BLOCK, this.#end - index * REFCOUNTS_PER_BLOCK);
      const counts = new Uint8Array(CLUSTER_BYTES);
      for (let i = 0; i < counted; i += 1) counts[i * REFCOUNT_BYTES + 1] = 1;
      this.#write(counts, (first + index) * CLUSTER_BYTES);
    }
    return { table, tableClusters };
  }

  #writePointers(pointers: BigUint64Array, cluster: number): void {
    const bytes = new Uint8Array(pointers.length * POINTER_BYTES);
    const view = new DataView(bytes.buffer);
    pointers.forEach((pointer, index) => view.setBigUint64(index * POINTER_BYTES, pointer));
    this.#write(bytes, cluster * CLUSTER_BYTES);
  }

  #take(clusters: number): number {
    const first = this.#end;
    this.#end += clusters;
    return first;
  }

  #write(bytes: Uint8Array, offset: number): void {
    this.file.write(bytes, offset);
    this.writtenBytes += bytes.byteLength;
  }
}
