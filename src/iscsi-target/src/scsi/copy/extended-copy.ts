/**
 * EXTENDED COPY (LID1), SPC-4 section 6.4: the target copies between its own units, and the data stays off the network.
 * Only units of the asking session can be named, so that nobody reaches another's disk by its name.
 */
import { getU32 } from "../../wire/bytes.ts";
import type { Command } from "../command.ts";
import { DONE, type Plan } from "../plan.ts";
import { SenseError } from "../sense.ts";
import type { Unit } from "../unit.ts";
import { MAX_COPY_BYTES, MAX_SEGMENT_BYTES } from "./copy-limits.ts";
import { type CopyList, type CopySegment, type CopyTarget, decodeCopyList } from "./copy-list.ts";

/** What RECEIVE COPY STATUS tells of the latest copy with a list id; at most one for each of 256 ids. */
export interface CopyProgress {
  state: "inProgress" | "completed" | "failed";
  segments: number;
  bytes: number;
}

/** A stretch of bytes from one unit to another, checked. */
interface Stretch {
  readonly source: Unit;
  readonly from: number;
  readonly destination: Unit;
  readonly to: number;
  readonly length: number;
}

/** One read and one write; other sessions get their turn in between. */
const COPY_CHUNK_BYTES = 256 * 1024;

export function extendedCopy({ cdb, unit, units }: Command): Plan {
  const length = getU32(cdb, 10);
  if (length === 0) return DONE;
  return {
    kind: "parameters",
    length,
    act: (bytes) => {
      const list = decodeCopyList(bytes);
      return copyAll(stretchesOf(list, units), startProgress(list, unit));
    },
  };
}

function startProgress({ listId, isAnonymous }: CopyList, unit: Unit): CopyProgress {
  const progress: CopyProgress = { state: "inProgress", segments: 0, bytes: 0 };
  if (isAnonymous) return progress;
  if (unit.copies.get(listId)?.state === "inProgress") throw new SenseError("operationInProgress");
  unit.copies.set(listId, progress);
  return progress;
}

async function copyAll(stretches: readonly Stretch[], progress: CopyProgress): Promise<Plan> {
  try {
    for (const stretch of stretches) {
      await copy(stretch, progress);
      progress.segments++;
    }
    progress.state = "completed";
    return DONE;
  } catch (error) {
    progress.state = "failed";
    throw error;
  }
}

async function copy(
  { source, from, destination, to, length }: Stretch,
  progress: CopyProgress,
): Promise<void> {
  const chunk = new Uint8Array(Math.min(length, COPY_CHUNK_BYTES));
  // Towards higher addresses of the same disk the end goes first, lest a segment overwrites what it has yet to read.
  const isBackward = source.shared === destination.shared && from < to;
  for (let done = 0; done < length; done += chunk.length) {
    const size = Math.min(chunk.length, length - done);
    const at = isBackward ? length - done - size : done;
    const part = chunk.subarray(0, size);
    if (!source.device.tryRead(part, from + at)) await source.device.read(part, from + at);
    await destination.prepare(to + at, size);
    // A reservation may have been made, or the disk protected, since the command began.
    destination.shared.reservations.check(destination.port, "write");
    checkWritable(destination);
    destination.write(part, to + at);
    progress.bytes += size;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Checks all segments before the first byte is copied. */
function stretchesOf({ targets, segments }: CopyList, units: Command["units"]): Stretch[] {
  const named = targets.map((target) => findUnit(target, units));
  const stretches = segments.map((segment) => stretchOf(segment, named));
  const total = stretches.reduce((sum, { length }) => sum + length, 0);
  if (total > MAX_COPY_BYTES) throw new SenseError("copyAborted");
  return stretches;
}

/** LU ID TYPE and peripheral type are ignored (SPC-4 6.4.4.2). */
function findUnit({ naa, blockBytes }: CopyTarget, units: Command["units"]): Unit {
  for (const unit of units.values()) {
    if (unit.identity.naa.toLowerCase() !== naa) continue;
    if (blockBytes !== 0 && blockBytes !== unit.blockSizeBytes)
      throw new SenseError("invalidFieldInParameterList");
    return unit;
  }
  throw new SenseError("copyTargetNotReachable");
}

function stretchOf(segment: CopySegment, named: readonly Unit[]): Stretch {
  const source = named[segment.sourceIndex];
  const destination = named[segment.destinationIndex];
  if (!source || !destination) throw new SenseError("copyTargetNotReachable");
  source.shared.reservations.check(source.port, "read");
  destination.shared.reservations.check(destination.port, "write");
  if (!source.shared.medium.isLoaded) throw new SenseError("mediumNotPresent");
  checkWritable(destination);
  const counted = segment.countsIn === "destinationBlocks" ? destination : source;
  const length = segment.countsIn === "bytes" ? segment.count : segment.count * counted.blockSizeBytes;
  // A residue shorter than a block would have to be padded or carried over (CAT, PAD), which is not offered.
  const isWhole = length % source.blockSizeBytes === 0 && length % destination.blockSizeBytes === 0;
  if (length > MAX_SEGMENT_BYTES || !isWhole) throw new SenseError("copyAborted");
  const from = segment.sourceLba * source.blockSizeBytes + segment.sourceByteOffset;
  const to = segment.destinationLba * destination.blockSizeBytes + segment.destinationByteOffset;
  // A device is only ever asked for whole blocks.
  if (from % source.blockSizeBytes !== 0 || to % destination.blockSizeBytes !== 0)
    throw new SenseError("copyAborted");
  if (from + length > sizeOf(source) || to + length > sizeOf(destination))
    throw new SenseError("copyAborted");
  return { source, from, destination, to, length };
}

function checkWritable(unit: Unit): void {
  if (!unit.shared.medium.isLoaded) throw new SenseError("mediumNotPresent");
  if (unit.writeProtection) throw new SenseError(unit.writeProtection);
}

function sizeOf(unit: Unit): number {
  return unit.blocks * unit.blockSizeBytes;
}
