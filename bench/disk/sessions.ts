/** What it costs to have sessions over one image: making one, having a thousand, having a thousand in use at a time. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { backingName } from "../../src/disk/chain.ts";
import { createOverlay } from "../../src/disk/qcow2/create.ts";
import { journalPath } from "../../src/disk/qcow2/journal.ts";
import type { Layer } from "../../src/disk/layer.ts";
import { allocatedBytes, GIB, heading, median, overlayUpon, row, sparseFile, timed } from "./support.ts";

const IMAGE_BYTES = 16 * GIB;
const SESSIONS = 1000;
/** Logins that come at the same time, as when a classroom is switched on. */
const AT_ONCE = 50;

export async function benchSessions(folder: string): Promise<void> {
  const base = sparseFile(join(folder, "image.img"), IMAGE_BYTES);
  heading("sessions over an image of 16 GiB", "figure");

  const making: number[] = [];
  const opening: number[] = [];
  for (let i = 0; i < 20; i += 1) {
    const path = join(folder, `one-${i}.qcow2`);
    const name = backingName(path, base);
    making.push(
      await timed(() => createOverlay(path, { sizeBytes: IMAGE_BYTES, backing: { name, format: "raw" } })),
    );
    const other = join(folder, `other-${i}.qcow2`);
    opening.push(
      await timed(async () => {
        const { disk } = await overlayUpon(base, other, IMAGE_BYTES);
        await disk.close();
      }),
    );
  }
  row("made, on stable storage: ms, median and worst of 20", show(making));
  row("made, opened and closed: ms", show(opening));
  row("on disk: KiB", allocatedBytes(join(folder, "one-0.qcow2")) / 1024);

  const before = memoryMib();
  const disks: Layer[] = [];
  const paths = Array.from({ length: SESSIONS }, (_, i) => join(folder, `many-${i}.qcow2`));
  const total = await timed(async () => {
    for (let from = 0; from < SESSIONS; from += AT_ONCE) {
      await Promise.all(
        paths.slice(from, from + AT_ONCE).map(async (path) => {
          const { disk } = await overlayUpon(base, path, IMAGE_BYTES);
          disk.write(new Uint8Array(4096).fill(1), GIB);
          disks.push(disk);
        }),
      );
    }
  });
  row(`${SESSIONS} made, opened and written, all open at a time: s`, total / 1000);
  row(`${SESSIONS} open: MiB of memory more`, memoryMib() - before);
  row(`${SESSIONS} open: open files`, openFiles());
  await Promise.all(disks.map((disk) => disk.close()));
  row(`${SESSIONS} closed: open files`, openFiles());
  const onDisk = paths.map((path) => allocatedBytes(path) + allocatedBytes(journalPath(path)));
  row(`${SESSIONS} of one write each: MiB on disk`, onDisk.reduce((sum, bytes) => sum + bytes, 0) / 2 ** 20);
}

function show(values: readonly number[]): string {
  return `${median(values).toFixed(1)}, ${Math.max(...values).toFixed(1)}`;
}

function memoryMib(): number {
  Bun.gc(true);
  const status = readFileSync("/proc/self/status", "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1024;
}

function openFiles(): number {
  return readdirSync("/proc/self/fd").length;
}
