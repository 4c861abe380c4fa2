/** The contract of layers over each kind of layer, on real files and on simulated ones. */
import { describe, expect, test, setDefaultTimeout } from "bun:test";
import { join } from "node:path";
import { testLayer, type LayerUnderTest } from "../../test/support/layer-contract.ts";
import { MemoryLayer } from "../../test/support/memory-layer.ts";
import { SimulatedOverlay } from "../../test/support/simulated-overlay.ts";
import { temporaryFolder } from "../../test/support/temporary.ts";
import { createOverlay } from "./qcow2/create.ts";
import { openOverlay } from "./qcow2/open.ts";
import { openRawFile } from "./raw-file.ts";
import type { Layer } from "./layer.ts";

// A machine that is busy with other things takes its time.
setDefaultTimeout(60_000);

const folder = temporaryFolder("layers");
/** Not whole clusters, so that the last one is a partial one. */
const SIZE = 5 * 131_072 + 7 * 512;
const BASE = Uint8Array.from({ length: 2 * 131_072 + 1536 }, (_, i) => (i >> 9) | 1);
let count = 0;

function initialOver(base: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(SIZE);
  bytes.set(base);
  return bytes;
}

async function rawFile(): Promise<LayerUnderTest> {
  const path = join(folder, `raw-${(count += 1)}.img`);
  await Bun.write(path, initialOver(BASE));
  let layer = await openRawFile(path, { readOnly: false });
  const reopen = async (): Promise<Layer> => {
    await layer.close();
    return (layer = await openRawFile(path, { readOnly: false }));
  };
  return { layer, initial: initialOver(BASE), reopen };
}

async function overlayFile(withBase: boolean): Promise<LayerUnderTest> {
  const path = join(folder, `overlay-${(count += 1)}.qcow2`);
  const basePath = join(folder, "base.img");
  if (withBase) await Bun.write(basePath, BASE);
  const backing = { name: "base.img", format: "raw" as const };
  await createOverlay(path, { sizeBytes: SIZE, ...(withBase && { backing }) });
  const open = async (): Promise<Layer> =>
    openOverlay(
      path,
      withBase
        ? { backing: { name: "base.img", layer: await openRawFile(basePath, { readOnly: true }) } }
        : {},
    );
  let layer = await open();
  const reopen = async (): Promise<Layer> => {
    await layer.close();
    return (layer = await open());
  };
  return { layer, initial: initialOver(withBase ? BASE : new Uint8Array()), reopen };
}

/** Never in memory: every read takes the asynchronous way. */
async function coldOverlay(): Promise<LayerUnderTest> {
  const disk = await SimulatedOverlay.create({ sizeBytes: SIZE, backing: { name: "b", format: "raw" } });
  const open = async (): Promise<Layer> => {
    disk.file.cold = true;
    return disk.open({ name: "b", layer: new MemoryLayer(BASE) });
  };
  let layer = await open();
  const reopen = async (): Promise<Layer> => {
    await layer.close();
    return (layer = await open());
  };
  return { layer, initial: initialOver(BASE), reopen };
}

describe("layers", () => {
  testLayer("a raw file", rawFile);
  testLayer("an overlay over an image that is smaller than the disk", () => overlayFile(true));
  testLayer("an overlay over nothing", () => overlayFile(false));
  testLayer("an overlay on a disk that is never cached", coldOverlay);
});

test("a read-only raw file refuses writes with EROFS", async () => {
  const path = join(folder, "read-only.img");
  await Bun.write(path, BASE);
  const layer = await openRawFile(path, { readOnly: true });
  expect(() => layer.write(new Uint8Array(1), 0)).toThrow(expect.objectContaining({ code: "EROFS" }));
  expect(() => layer.discard(0, 1)).toThrow(expect.objectContaining({ code: "EROFS" }));
  await layer.close();
});

test("a raw file keeps its holes and shows them as zeros", async () => {
  const path = join(folder, "sparse.img");
  await Bun.write(path, "");
  const grown = Bun.spawnSync(["truncate", "-s", "8M", path]);
  expect(grown.exitCode).toBe(0);
  const layer = await openRawFile(path, { readOnly: false });
  layer.write(new Uint8Array(65_536).fill(1), 1 << 20);
  const before = [...layer.extents(0, 8 << 20)].filter(({ kind }) => kind === "data");
  layer.discard(1 << 20, 65_536);
  const after = [...layer.extents(0, 8 << 20)].filter(({ kind }) => kind === "data");
  await layer.close();
  if (process.platform !== "linux") return;
  expect(before).toEqual([{ offset: 1 << 20, length: 65_536, kind: "data" }]);
  expect(after).toEqual([]);
});

test("one write of a kilobyte makes an overlay grow by kilobytes, and a discard gives them back", async () => {
  const { layer } = await overlayFile(true);
  const path = join(folder, `overlay-${count}.qcow2`);
  const allocated = (): number => Number(Bun.spawnSync(["stat", "-c", "%b", path]).stdout.toString()) * 512;
  layer.write(new Uint8Array(1024).fill(1), 200_000);
  await layer.flush();
  const written = allocated();
  expect(written).toBeLessThan(64 * 1024);
  layer.discard(131_072, 131_072);
  await layer.flush();
  if (process.platform === "linux") expect(allocated()).toBeLessThan(written);
  await layer.close();
});

test("an overlay reads a disk of a chain of overlays", async () => {
  const lower = await overlayFile(true);
  lower.layer.write(new Uint8Array(4096).fill(3), 8192);
  const path = join(folder, "upper.qcow2");
  await createOverlay(path, { sizeBytes: SIZE, backing: { name: "lower", format: "qcow2" } });
  const upper = await openOverlay(path, { backing: { name: "lower", layer: lower.layer } });
  upper.write(Uint8Array.of(9), 8193);
  const bytes = new Uint8Array(4);
  await upper.read(bytes, 8191);
  expect([...bytes]).toEqual([BASE[8191] ?? 0, 3, 9, 3]);
  await upper.close();
});
