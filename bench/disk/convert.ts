/** Commit and export beside `qemu-img convert`: the same chain to the same format, both until the file is durable. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { exportDisk } from "../../src/disk/export/export-disk.ts";
import { Figures, heading, MIB, overlayUpon, randomFile, row, run, timed } from "./support.ts";

const IMAGE_BYTES = 1024 * MIB;
const ROUNDS = 5;

export async function benchConvert(folder: string): Promise<void> {
  const base = randomFile(join(folder, "base.img"), 512 * MIB);
  const path = join(folder, "source.qcow2");
  const { chain, disk } = await overlayUpon(base, path, IMAGE_BYTES);
  const piece = crypto.getRandomValues(new Uint8Array(65_536));
  for (let i = 0; i < 2000; i += 1) disk.write(piece, ((i * 7919) % 16_000) * 65_536);
  await disk.close();
  const figures = new Figures();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const format of ["raw", "qcow2"] as const) {
      const ours = join(folder, `ours.${format}`);
      const theirs = join(folder, `theirs.${format}`);
      const contenders = {
        ours: () => exportDisk({ chain, target: ours, format }),
        qemu: () => {
          run("qemu-img", "convert", "-f", "qcow2", "-O", format, path, theirs);
          run("sync", "-d", theirs);
        },
      };
      for (const name of round % 2 === 0 ? (["ours", "qemu"] as const) : (["qemu", "ours"] as const)) {
        // What was removed before is given back by the file system now, not while somebody is measured.
        run("sync");
        figures.note(`${format}, ${name}`, await timed(contenders[name]));
      }
      if (round === 0) run("qemu-img", "compare", "-f", format, "-F", format, ours, theirs);
      for (const made of [ours, theirs]) rmSync(made);
    }
  }
  heading(
    "a chain of 1 GiB, some 600 MiB of it data",
    "export, ms",
    "qemu-img convert and sync, ms",
    "speed to it",
  );
  for (const format of ["raw", "qcow2"]) {
    const [ours, theirs] = [figures.median(`${format}, ours`), figures.median(`${format}, qemu`)];
    row(`to ${format}`, ours, theirs, theirs / ours);
  }
}
