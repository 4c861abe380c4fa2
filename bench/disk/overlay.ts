/**
 * 4 KiB random writes and reads: an overlay against a plain file, in one process, interleaved, medians.
 *
 *   bun bench/disk/overlay.ts [FOLDER]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createOverlay } from "../../src/disk/qcow2/create.ts";
import { openOverlay } from "../../src/disk/qcow2/open.ts";
import { openRawFile } from "../../src/disk/raw-file.ts";
import type { Layer } from "../../src/disk/layer.ts";

const BLOCK = 4096;
const SIZE = 512 * 2 ** 20;
const BLOCKS = SIZE / BLOCK;
/** Writes between two flushes, as a guest's journal commits would come. */
const FLUSH_EVERY = 4096;
const ROUNDS = 3;

const folder = mkdtempSync(join(Bun.argv[2] ?? tmpdir(), "pinetboot-bench-"));
const block = crypto.getRandomValues(new Uint8Array(BLOCK));

/** Every block once, in an order that is the same in each round. */
const order = Uint32Array.from({ length: BLOCKS }, (_, i) => i);
let seed = 1;
for (let i = BLOCKS - 1; i > 0; i -= 1) {
  seed = (seed * 48_271) % 0x7fffffff;
  const j = seed % (i + 1);
  [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
}

async function rawFile(name: string): Promise<Layer> {
  const path = join(folder, name);
  await Bun.write(path, "");
  Bun.spawnSync(["truncate", "-s", String(SIZE), path]);
  return openRawFile(path, { readOnly: false });
}

async function overlay(name: string): Promise<Layer> {
  const base = await rawFile(`${name}.base`);
  const path = join(folder, name);
  await createOverlay(path, { sizeBytes: SIZE, backing: { name: `${name}.base`, format: "raw" } });
  return openOverlay(path, { backing: { name: `${name}.base`, layer: base } });
}

interface Measured {
  readonly write: number;
  readonly total: number;
}

/** Microseconds for each write: the calls alone, and with their flushes. */
async function writeAll(layer: Layer): Promise<Measured> {
  let inWrites = 0;
  const begin = performance.now();
  for (let i = 0; i < BLOCKS;) {
    const start = performance.now();
    for (const end = Math.min(BLOCKS, i + FLUSH_EVERY); i < end; i += 1)
      layer.write(block, (order[i] ?? 0) * BLOCK);
    inWrites += performance.now() - start;
    await layer.flush();
  }
  return { write: (inWrites * 1000) / BLOCKS, total: ((performance.now() - begin) * 1000) / BLOCKS };
}

function readAll(layer: Layer): number {
  const into = new Uint8Array(BLOCK);
  const begin = performance.now();
  for (const at of order) layer.tryRead(into, at * BLOCK);
  return ((performance.now() - begin) * 1000) / BLOCKS;
}

const results = new Map<string, number[]>();
function note(what: string, value: number): void {
  results.set(what, [...(results.get(what) ?? []), value]);
}

try {
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const [kind, make] of [
      ["plain file", rawFile],
      ["overlay", overlay],
    ] as const) {
      const layer = await make(`${kind.replace(" ", "-")}-${round}`);
      for (const pass of ["first write", "second write"]) {
        const { write, total } = await writeAll(layer);
        note(`${pass}, ${kind}`, write);
        note(`${pass} with its share of the flush, ${kind}`, total);
      }
      note(`read, ${kind}`, readAll(layer));
      await layer.close();
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const [what, values] of results) {
  const median = values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  console.log(`${what.padEnd(55)} ${median.toFixed(2)} us`);
}
