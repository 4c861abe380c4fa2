/** What a write would have to read first is read before it, on the thread pool, and only that. */
import { expect, test } from "bun:test";
import { MemoryLayer } from "../../../test/support/memory-layer.ts";
import { SimulatedOverlay } from "../../../test/support/simulated-overlay.ts";
import type { Overlay } from "./overlay.ts";

const SIZE = 4 * 2 ** 30;

/** A backing layer that is not in memory, and tells what is read of it without waiting for it. */
class ColdLayer extends MemoryLayer {
  readonly asked: number[] = [];
  cold = true;

  override tryRead(into: Uint8Array, offset: number): boolean {
    return !this.cold && super.tryRead(into, offset);
  }

  override async read(into: Uint8Array, offset: number): Promise<void> {
    this.asked.push(offset);
    await super.read(into, offset);
    this.cold = false;
  }
}

/** An overlay whose first cluster has one page, opened anew with nothing in memory. */
async function coldOverlay(): Promise<{ disk: Overlay; base: ColdLayer }> {
  const base = new ColdLayer(new Uint8Array(2 ** 20).fill(7));
  const simulated = await SimulatedOverlay.create({
    sizeBytes: SIZE,
    backing: { name: "base", format: "raw" },
  });
  const first = await simulated.open({ name: "base", layer: base });
  first.write(new Uint8Array(4096).fill(1), 4096);
  await first.close();
  const disk = await simulated.open({ name: "base", layer: base });
  simulated.file.cold = true;
  return { disk, base };
}

test("the table of a place is read by prepare, once", async () => {
  const { disk } = await coldOverlay();
  const wait = disk.prepare(4096, 4096);
  expect(wait).toBeInstanceOf(Promise);
  await wait;
  expect(disk.prepare(4096, 4096)).toBeUndefined();
  // Its page of the table maps 32 MiB; where there is no table at all, there is nothing to read.
  expect(disk.prepare(20 * 2 ** 20, 4096)).toBeUndefined();
  expect(disk.prepare(2 * 2 ** 30, 2 ** 30)).toBeUndefined();
  await disk.close();
});

test("the edges of a write that covers part of a page are read by prepare, whole pages are not", async () => {
  const { disk, base } = await coldOverlay();
  await disk.prepare(0, 4096);
  expect(disk.prepare(8192, 8192)).toBeUndefined();
  const wait = disk.prepare(8192 + 512, 8192);
  expect(wait).toBeInstanceOf(Promise);
  await wait;
  expect(base.asked.toSorted((a, b) => a - b)).toEqual([8192, 16_384]);
  expect(disk.prepare(8192 + 512, 8192)).toBeUndefined();
  await disk.close();
});
