/** Our FAT against mkfs.fat, fsck.fat and mtools: each reads what the other has written, and nothing is ever left amiss. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { FatError } from "../../src/disk/fat/fat-error.ts";
import { FatVolume } from "../../src/disk/fat/volume.ts";
import { expectSame } from "../support/layer-contract.ts";
import { MemoryLayer } from "../support/memory-layer.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { describeWith } from "../support/tools.ts";

setDefaultTimeout(60_000);

const KIB = 1024;
/** Where the file system begins on its disk, as a first partition does. */
const OFFSET = 4 * KIB;
const KINDS = [
  { kind: 12, sizeKib: 1440, options: ["-F", "12"] },
  { kind: 16, sizeKib: 8 * KIB, options: ["-F", "16", "-s", "2"] },
  { kind: 32, sizeKib: 36 * KIB, options: ["-F", "32", "-s", "1"] },
  { kind: 32, sizeKib: 34 * KIB, options: ["-F", "32", "-s", "1", "-f", "1"] },
] as const;

const folder = temporaryFolder("fat");
let images = 0;

function run(...command: string[]): Uint8Array {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, {
    // Names are UTF-8, whatever the machine's language is.
    env: { ...process.env, MTOOLS_SKIP_CHECK: "1", LC_ALL: "C.UTF-8" },
  });
  if (exitCode !== 0)
    throw new Error(`${command.join(" ")}: ${exitCode}\n${stdout.toString()}${stderr.toString()}`);
  return new Uint8Array(stdout);
}

/** A fresh file system by mkfs.fat. */
function make({ sizeKib, options }: { sizeKib: number; options: readonly string[] }): string {
  const file = join(folder, `${images++}.img`);
  run("/usr/sbin/mkfs.fat", "-C", ...options, "-n", "BOOTFS", file, String(sizeKib));
  return file;
}

function diskOf(file: string): MemoryLayer {
  const content = readFileSync(file);
  const bytes = new Uint8Array(OFFSET + content.length + KIB);
  bytes.set(content, OFFSET);
  return new MemoryLayer(bytes, false);
}

async function open(disk: MemoryLayer): Promise<FatVolume> {
  return FatVolume.open(disk, OFFSET, disk.sizeBytes - OFFSET - KIB);
}

/** Writes the file system back to its file and has fsck.fat look at it, which complains of anything odd. */
function check(disk: MemoryLayer, file: string): void {
  writeFileSync(file, disk.bytes.subarray(OFFSET, disk.bytes.length - KIB));
  run("/usr/sbin/fsck.fat", "-n", "-V", file);
}

const name = fc.oneof(
  fc.constantFrom(
    "user-data",
    "USERCONF.TXT",
    "ssh",
    "config.txt",
    "network-config",
    "a b.c",
    "Größe.txt",
    "x".repeat(200),
  ),
  fc.stringMatching(/^[a-zA-Z0-9_-]{1,30}(\.[a-z]{1,5})?$/),
);
const content = fc.oneof(
  fc.uint8Array({ maxLength: 600 }),
  fc.uint8Array({ minLength: 3000, maxLength: 9000 }),
);
const step = fc.record({
  path: fc.tuple(fc.constantFrom("", "d/", "d/e/"), name),
  write: fc.boolean(),
  content,
});

describeWith(["/usr/sbin/mkfs.fat", "/usr/sbin/fsck.fat", "mcopy", "mdir"], "FAT", () => {
  for (const kind of KINDS) {
    const title = `FAT${kind.kind} (${kind.options.join(" ")})`;
    test(`${title}: what is written is what mtools reads, and fsck.fat finds nothing`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
          const file = make(kind);
          const disk = diskOf(file);
          const volume = await open(disk);
          expect(volume.kind).toBe(kind.kind);
          await volume.makeFolder("d");
          await volume.makeFolder("d/e");
          const model = new Map<string, { path: string; content: Uint8Array }>();
          for (const { path, write, content } of steps) {
            const whole = path.join("");
            const key = whole.toUpperCase();
            if (write) {
              await volume.write(whole, content);
              model.set(key, { path: model.get(key)?.path ?? whole, content });
            } else expect(await volume.remove(whole)).toBe(model.delete(key));
          }
          check(disk, file);
          const again = await open(disk);
          for (const { path, content } of model.values()) {
            expectSame((await again.read(path.toLowerCase())) ?? new Uint8Array(1), content);
            expectSame(run("mcopy", "-i", file, `::${path}`, "-"), content);
          }
          expect((await again.list("d")).filter(({ isFolder }) => !isFolder).length).toBe(
            [...model.keys()].filter((key) => /^D\/[^/]+$/.test(key)).length,
          );
        }),
        { numRuns: 5 },
      );
    });

    test(`${title}: what mtools has written is read`, async () => {
      const file = make(kind);
      const source = join(folder, "source");
      writeFileSync(source, "hello\n".repeat(1000));
      run("mmd", "-i", file, "::overlays", "::overlays/A longer name of a folder");
      for (const path of [
        "CMDLINE.TXT",
        "cmdline2.txt",
        "overlays/A longer name of a folder/file with spaces.dtbo",
      ])
        run("mcopy", "-i", file, source, `::${path}`);
      const volume = await open(diskOf(file));
      for (const path of [
        "cmdline.txt",
        "CMDLINE2.TXT",
        "overlays/a LONGER name of a folder/file with spaces.dtbo",
      ])
        expect((await volume.read(path))?.length).toBe(6000);
      expect(await volume.read("overlays/none.dtbo")).toBeUndefined();
      expect((await volume.list("overlays")).map(({ name }) => name)).toEqual(["A longer name of a folder"]);
    });

    test(`${title}: a full file system refuses and is as it was`, async () => {
      const file = make(kind);
      const disk = diskOf(file);
      const volume = await open(disk);
      let written = 0;
      const large = new Uint8Array(3 * KIB * KIB);
      const fill = async (): Promise<void> => {
        for (; written < 100; written++) await volume.write(`large${written}`, large);
      };
      expect(await fill().catch((error: unknown) => error)).toMatchObject({ fault: "full" });
      expect(written).toBe(Math.floor((kind.sizeKib - 64) / (3 * KIB)));
      check(disk, file);
      await volume.write("small", new Uint8Array(100));
      check(disk, file);
    });
  }

  test("many files make a folder grow, and fill a root folder that cannot", async () => {
    for (const kind of KINDS) {
      const file = make(kind);
      const disk = diskOf(file);
      const volume = await open(disk);
      await volume.makeFolder("many");
      for (let i = 0; i < 150; i++)
        await volume.write(`many/a file with a long name, number ${i}`, new Uint8Array(3));
      expect(await volume.list("many")).toHaveLength(150);
      const fillRoot = async (): Promise<void> => {
        for (let i = 0; i < 600; i++) await volume.write(`f${i}`, new Uint8Array(0));
      };
      const failure: unknown = await fillRoot().catch((error: unknown) => error);
      if (kind.kind === 32) expect(failure).toBeUndefined();
      else expect(failure).toMatchObject({ fault: "full" });
      check(disk, file);
    }
  });

  test("names that FAT cannot hold, and paths through files, are refused", async () => {
    const volume = await open(diskOf(make(KINDS[0])));
    await volume.write("file", new Uint8Array(1));
    for (const bad of [
      "a:b",
      "a?",
      "a\u0001b",
      "dot.",
      "space ",
      "x".repeat(256),
      "file/below",
      "none/below",
      "",
    ])
      expect(await volume.write(bad, new Uint8Array(1)).catch((error: unknown) => error)).toMatchObject({
        fault: "path",
      });
  });

  test("whatever stands in place of a file system is refused or read, in bounded time", async () => {
    const pristine = diskOf(make(KINDS[0]));
    const volume = await open(pristine);
    await volume.makeFolder("d");
    await volume.write("d/file", new Uint8Array(5000).fill(1));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.oneof(fc.nat(64), fc.nat(20_000)), fc.nat(255)), {
          minLength: 1,
          maxLength: 40,
        }),
        async (changes) => {
          const disk = new MemoryLayer(pristine.bytes.slice(), false);
          for (const [at, byte] of changes) disk.bytes[OFFSET + at] = byte;
          try {
            const hostile = await open(disk);
            await hostile.list("");
            await hostile.read("d/file");
            await hostile.write("d/other", new Uint8Array(3000));
            await hostile.makeFolder("e");
            await hostile.remove("d/file");
          } catch (error) {
            if (!(error instanceof FatError)) throw error;
          }
        },
      ),
      { numRuns: 400 },
    );
  });
});
