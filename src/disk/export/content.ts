/** What of a disk holds data, seen through all the files of its chain. */
import type { Layer } from "../layer.ts";
import { MappedDisk } from "../qcow2/mapped-disk.ts";

export interface ContentRun {
  readonly offset: number;
  readonly length: number;
  /** "zero": reads as zeros, and no file of the chain holds anything for it. */
  readonly kind: "data" | "zero";
}

/** The runs of a range, in order and without gaps; neighbours of one kind may come apart. Reads tables on this thread. */
export function* contentRuns(layer: Layer, offset: number, length: number): Generator<ContentRun> {
  const beneath = layer instanceof MappedDisk ? layer.beneath : undefined;
  for (const extent of layer.extents(offset, length)) {
    if (extent.kind !== "backing") {
      yield { offset: extent.offset, length: extent.length, kind: extent.kind };
      continue;
    }
    const there = Math.max(0, Math.min(extent.length, (beneath?.sizeBytes ?? 0) - extent.offset));
    if (beneath && there > 0) yield* contentRuns(beneath, extent.offset, there);
    const rest = extent.length - there;
    if (rest > 0) yield { offset: extent.offset + there, length: rest, kind: "zero" };
  }
}

/** How many bytes of the disk hold data. */
export function contentBytes(layer: Layer): number {
  let bytes = 0;
  for (const run of contentRuns(layer, 0, layer.sizeBytes)) if (run.kind === "data") bytes += run.length;
  return bytes;
}
