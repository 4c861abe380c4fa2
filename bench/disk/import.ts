/**
 * Importing beside `qemu-img convert` and the unpackers, from the same files onto the same disk, interleaved, medians;
 * and what a reader of a session waits at the 99th percentile while an import runs.
 *
 *   bun bench/disk/import.ts [FOLDER]
 *
 * Ours also hashes what it writes and syncs it; the others are followed by `sync FILE`, and do not hash. All run at the low
 * priority that an import has.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ImageLibrary } from "../../src/images/library.ts";

const ROUNDS = 3;
const MIB = 2 ** 20;
const DISK_BYTES = 768 * MIB;
/** Of the disk; the rest is never written, as on a fresh card. */
const DATA_BYTES = 320 * MIB;

const folder = mkdtempSync(join(Bun.argv[2] ?? tmpdir(), "pinetboot-bench-"));
const at = (name: string): string => join(folder, name);

async function shell(line: string): Promise<void> {
  const child = Bun.spawn(["nice", "-n", "10", "sh", "-ec", line], { cwd: folder, stderr: "pipe" });
  if ((await child.exited) !== 0) throw new Error(`${line}: ${await new Response(child.stderr).text()}`);
}

/** A disk of programs, as a root file system has them, and of nothing. */
async function makeDisk(): Promise<void> {
  await shell(
    `find /usr/lib /usr/bin -type f -size +64k -print0 | sort -z | xargs -0 cat 2>/dev/null | head -c ${DATA_BYTES} > disk.img; truncate -s ${DISK_BYTES} disk.img`,
  );
}

const CASES = [
  {
    what: "raw, sparse",
    make: "true",
    file: "disk.img",
    other: "qemu-img convert -f raw -O raw disk.img out",
  },
  {
    what: "qcow2",
    make: "qemu-img convert -O qcow2 disk.img disk.qcow2",
    file: "disk.qcow2",
    other: "qemu-img convert -O raw disk.qcow2 out",
  },
  {
    what: "qcow2, packed (zlib)",
    make: "qemu-img convert -c -O qcow2 disk.img packed.qcow2",
    file: "packed.qcow2",
    other: "qemu-img convert -O raw packed.qcow2 out",
  },
  { what: "gzip", make: "gzip -1 -k -f disk.img", file: "disk.img.gz", other: "gzip -dc disk.img.gz > out" },
  {
    what: "zstd",
    make: "zstd -q -f -3 disk.img",
    file: "disk.img.zst",
    other: "zstd -q -dc disk.img.zst > out",
  },
  {
    what: "xz",
    make: "xz -T2 -0 -k -f disk.img",
    file: "disk.img.xz",
    other: "xz -T1 -dc disk.img.xz > out",
  },
  {
    what: "bzip2",
    make: "bzip2 -1 -k -f disk.img",
    file: "disk.img.bz2",
    other: "bzip2 -dc disk.img.bz2 > out",
  },
] as const;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

async function importOnce(file: string): Promise<number> {
  const directory = at("library");
  rmSync(directory, { recursive: true, force: true });
  const library = await ImageLibrary.open(directory);
  return timed(() => library.import({ path: at(file) }));
}

async function sideBySide(): Promise<void> {
  for (const { what, make, file, other } of CASES) {
    await shell(make);
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      ours.push(await importOnce(file));
      rmSync(at("out"), { force: true });
      theirs.push(await timed(() => shell(`${other}; sync out`)));
    }
    const ratio = median(theirs) / median(ours);
    console.log(
      `${what.padEnd(22)} ours ${median(ours).toFixed(2)} s, ${other.split(" ")[0]} ${median(theirs).toFixed(2)} s, speed x${ratio.toFixed(2)}`,
    );
    if (file !== "disk.img" && statSync(at(file)).isFile()) rmSync(at(file));
  }
}

/** How late a timer of this thread is: what a session's request would wait before anybody looks at it. */
async function lateness(ms: number): Promise<number> {
  const late: number[] = [];
  const end = performance.now() + ms;
  while (performance.now() < end) {
    const begin = performance.now();
    await Bun.sleep(2);
    late.push(performance.now() - begin - 2);
  }
  return late.toSorted((a, b) => a - b)[Math.floor(late.length * 0.99)] ?? 0;
}

async function whileImporting(): Promise<void> {
  await shell("zstd -q -f -3 disk.img");
  const quiet = await lateness(3000);
  const library = await ImageLibrary.open(at("beside"));
  const importing = library.import({ path: at("disk.img.zst") });
  const busy = await lateness(1500);
  await importing;
  console.log(
    `event loop, p99 lateness: ${quiet.toFixed(2)} ms alone, ${busy.toFixed(2)} ms while an import runs`,
  );
}

try {
  await makeDisk();
  await sideBySide();
  await whileImporting();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
