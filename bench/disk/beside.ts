/** What another session notices while an export or an import runs: 4 KiB reads and writes of its disk, one after the other. */
import { join } from "node:path";
import { exportDisk } from "../../src/disk/export/export-disk.ts";
import type { Layer } from "../../src/disk/layer.ts";
import { ImageLibrary } from "../../src/images/library.ts";
import { heading, MIB, overlayUpon, quantile, randomFile, row, run } from "./support.ts";

const SIZE = 256 * MIB;
const BLOCK = 4096;
const SECONDS = 3;
const STRIDE = 40_503;

export async function benchBeside(folder: string): Promise<void> {
  const base = randomFile(join(folder, "beside.img"), SIZE);
  const session = await overlayUpon(base, join(folder, "session.qcow2"), SIZE);
  const source = await overlayUpon(base, join(folder, "exported.qcow2"), SIZE);
  await source.disk.close();
  const packed = join(folder, "packed.img.gz");
  run("sh", "-c", `gzip -1 < '${base}' > '${packed}'`);
  const library = await ImageLibrary.open(join(folder, "library"));

  heading("another session meanwhile: one read and one write of 4 KiB, us", "p50", "p99", "worst");
  for (const [name, work] of [
    ["nothing else", undefined],
    ["an export to raw", exporting("raw")],
    ["an export to qcow2", exporting("qcow2")],
    ["an import of .img.gz", importing],
  ] as const) {
    run("sync");
    const end = performance.now() + SECONDS * 1000;
    const others = work ? repeat(work, end) : Promise.resolve();
    const times = await meet(session.disk, end);
    await others;
    row(
      name,
      quantile(times, 0.5),
      quantile(times, 0.99),
      times.reduce((most, time) => Math.max(most, time), 0),
    );
  }
  await session.disk.close();

  function exporting(format: "raw" | "qcow2"): () => Promise<unknown> {
    return () =>
      exportDisk({ chain: source.chain, target: join(folder, `out.${format}`), format, replace: true });
  }

  async function importing(): Promise<void> {
    const image = await library.import({ path: packed });
    await library.remove(image.id, { inUse: () => [] });
  }
}

async function repeat(work: () => Promise<unknown>, until: number): Promise<void> {
  while (performance.now() < until) await work();
}

/** Waits for its turn on the event loop like a packet from the network, reads and writes. */
async function meet(disk: Layer, until: number): Promise<number[]> {
  const bytes = crypto.getRandomValues(new Uint8Array(BLOCK));
  const times: number[] = [];
  for (let i = 0; performance.now() < until; i += 1) {
    const begin = performance.now();
    await new Promise((resolve) => setImmediate(resolve));
    const offset = ((i * STRIDE) % (SIZE / BLOCK)) * BLOCK;
    if (!disk.tryRead(bytes, offset)) await disk.read(bytes, offset);
    await disk.prepare(offset, BLOCK);
    disk.write(bytes, offset);
    times.push((performance.now() - begin) * 1000);
  }
  return times;
}
