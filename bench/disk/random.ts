/**
 * 4 KiB random writes with a flush after each 4096: an overlay over an image, a plain file, and QEMU's own qcow2 over the
 * same image by `qemu-img bench` at depth 1. Ours are calls within this process; QEMU's pass through its thread pool.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Layer } from "../../src/disk/layer.ts";
import { openRawFile } from "../../src/disk/raw-file.ts";
import { Figures, heading, MIB, overlayUpon, randomFile, row, run, sparseFile, timed } from "./support.ts";

const BLOCK = 4096;
const SIZE = 512 * MIB;
const BLOCKS = SIZE / BLOCK;
/** Odd, so that every block is met once; far, so that neighbours are not. */
const STRIDE = 40_503;
const FLUSH_EVERY = 4096;
const ROUNDS = 3;
/** QEMU copies a whole cluster at a first touch: fewer writes tell as much. */
const QEMU_WRITES = 16_384;

const QEMU_FORMATS = [
  { name: "qemu's plain file", options: undefined },
  { name: "qemu's qcow2, 64 KiB clusters", options: "cluster_size=64k" },
  { name: "qemu's qcow2, 128 KiB and subclusters", options: "cluster_size=128k,extended_l2=on" },
] as const;

export async function benchRandom(folder: string): Promise<void> {
  const base = randomFile(join(folder, "random-base.img"), SIZE);
  const figures = new Figures();
  for (let round = 0; round < ROUNDS; round += 1) {
    const plain = await openRawFile(sparseFile(join(folder, "plain.img"), SIZE), { readOnly: false });
    const { disk } = await overlayUpon(base, join(folder, "overlay.qcow2"), SIZE);
    for (const [name, layer] of [
      ["plain file", plain],
      ["overlay", disk],
    ] as const) {
      for (const pass of ["first", "steady"]) figures.note(`${name}, ${pass}`, await writeAll(layer));
      figures.note(`${name}, read`, readAll(layer));
      await layer.close();
    }
    for (const { name, options } of QEMU_FORMATS) {
      const path = qemuDisk(folder, base, options);
      for (const pass of ["first", "steady"]) figures.note(`${name}, ${pass}`, qemuWrites(path, options));
      rmSync(path);
    }
    for (const made of ["plain.img", "overlay.qcow2"]) rmSync(join(folder, made));
  }
  heading(
    "4 KiB random, us each, with its share of the flushes",
    "first touch",
    "steady",
    "read",
    "first touch, to its plain file",
    "steady, to its plain file",
  );
  for (const [name, plain] of [
    ["plain file", "plain file"],
    ["overlay", "plain file"],
    ...QEMU_FORMATS.map(({ name }) => [name, QEMU_FORMATS[0].name] as const),
  ] as const) {
    const figure = (of: string, pass: string): number => figures.median(`${of}, ${pass}`);
    row(
      name,
      figure(name, "first"),
      figure(name, "steady"),
      figure(name, "read"),
      figure(plain, "first") / figure(name, "first"),
      figure(plain, "steady") / figure(name, "steady"),
    );
  }
}

/** Microseconds for each write, with its share of the flushes. */
async function writeAll(layer: Layer): Promise<number> {
  const block = crypto.getRandomValues(new Uint8Array(BLOCK));
  const ms = await timed(async () => {
    for (let i = 0; i < BLOCKS;) {
      for (const end = i + FLUSH_EVERY; i < end; i += 1) layer.write(block, ((i * STRIDE) % BLOCKS) * BLOCK);
      await layer.flush();
    }
  });
  return (ms * 1000) / BLOCKS;
}

function readAll(layer: Layer): number {
  const into = new Uint8Array(BLOCK);
  const begin = performance.now();
  for (let i = 0; i < BLOCKS; i += 1) layer.tryRead(into, ((i * STRIDE) % BLOCKS) * BLOCK);
  return ((performance.now() - begin) * 1000) / BLOCKS;
}

function qemuDisk(folder: string, base: string, options: string | undefined): string {
  const path = join(folder, "qemu.img");
  if (options === undefined) return sparseFile(path, SIZE);
  run("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, "-b", base, "-F", "raw", path);
  return path;
}

function qemuWrites(path: string, options: string | undefined): number {
  const format = options === undefined ? "raw" : "qcow2";
  const said = run(
    ..."qemu-img bench -w -t writeback -d 1 -s 4096 --flush-interval 4096 -f".split(" "),
    format,
    "-c",
    String(QEMU_WRITES),
    "-S",
    String(STRIDE * BLOCK),
    path,
  );
  const seconds = Number(/completed in ([\d.]+) seconds/.exec(said)?.[1]);
  return (seconds * 1e6) / QEMU_WRITES;
}
