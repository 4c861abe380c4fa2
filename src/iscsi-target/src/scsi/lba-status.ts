/** GET LBA STATUS, SBC-3 section 5.4: which blocks hold data and which are only promised to be zeros. QEMU asks it. */
import type { DeviceExtent } from "../block-device.ts";
import { getU32, getU64, setU32, setU64 } from "../wire/bytes.ts";
import type { Command } from "./command.ts";
import { MAX_LBA_DESCRIPTORS, MAX_MAPPED_BYTES } from "./limits.ts";
import { type Plan, dataPlan } from "./plan.ts";
import type { Unit } from "./unit.ts";

const HEADER_BYTES = 8;
const DESCRIPTOR_BYTES = 16;
const PROVISIONING = { mapped: 0, deallocated: 1 } as const;

interface BlockRun {
  readonly lba: number;
  count: number;
  readonly status: number;
}

export function getLbaStatus({ cdb, unit }: Command): Plan {
  const lba = getU64(cdb, 2);
  const allocation = getU32(cdb, 10);
  const { offset } = unit.range(lba, 0);
  const look = (): Plan => dataPlan(describe(unit, offset, allocation), allocation);
  const length = Math.min(unit.blocks * unit.blockSizeBytes - offset, MAX_MAPPED_BYTES);
  const wait = unit.device.extents && unit.prepare(offset, length);
  return wait ? { kind: "later", work: () => wait.then(look) } : look();
}

function describe(unit: Unit, offset: number, allocation: number): Uint8Array {
  const wanted = Math.max(1, Math.floor((allocation - HEADER_BYTES) / DESCRIPTOR_BYTES));
  const runs = blockRuns(unit, offset, Math.min(wanted, MAX_LBA_DESCRIPTORS));
  const bytes = new Uint8Array(HEADER_BYTES + runs.length * DESCRIPTOR_BYTES);
  setU32(bytes, 0, bytes.length - 4);
  runs.forEach((run, i) => {
    const at = HEADER_BYTES + i * DESCRIPTOR_BYTES;
    setU64(bytes, at, run.lba);
    setU32(bytes, at + 8, run.count);
    bytes[at + 12] = run.status;
  });
  return bytes;
}

/** The device's extents in whole blocks: a block that is zero only in part is mapped. */
function blockRuns(unit: Unit, offset: number, most: number): BlockRun[] {
  const runs: BlockRun[] = [];
  const block = unit.blockSizeBytes;
  const end = unit.blocks * block;
  let next = offset / block;
  const add = (upTo: number, status: number): void => {
    if (upTo <= next) return;
    const last = runs.at(-1);
    if (last?.status === status) last.count += upTo - next;
    else runs.push({ lba: next, count: upTo - next, status });
    next = upTo;
  };
  for (const extent of extentsOf(unit, offset, Math.min(end - offset, MAX_MAPPED_BYTES))) {
    const extentEnd = extent.offset + extent.length;
    if (extent.kind === "zero") {
      add(Math.ceil(extent.offset / block), PROVISIONING.mapped);
      add(Math.floor(extentEnd / block), PROVISIONING.deallocated);
    } else {
      add(Math.min(Math.ceil(extentEnd / block), unit.blocks), PROVISIONING.mapped);
    }
    if (runs.length > most) break;
  }
  return runs.slice(0, most);
}

function extentsOf({ device }: Unit, offset: number, length: number): Iterable<DeviceExtent> {
  return device.extents?.(offset, length) ?? [{ offset, length, kind: "data" }];
}
