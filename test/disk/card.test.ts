/** The bootstrap card against fsck.fat, mtools and sfdisk; written to loop devices, and refused where something lives. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { readBlockDevice } from "../../src/disk/device/block-device.ts";
import { checkTarget } from "../../src/disk/device/check-target.ts";
import { writeDevice } from "../../src/disk/device/write-device.ts";
import { writeImageFile } from "../../src/disk/device/write-image.ts";
import { formatFat32 } from "../../src/disk/fat/format.ts";
import { regionDisk } from "../../src/disk/regions.ts";
import { cardDisk } from "../../src/shim/card/card-disk.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { describeWith } from "../support/tools.ts";

setDefaultTimeout(60_000);

const MIB = 2 ** 20;
const folder = temporaryFolder("card");
const FILES = new Map([
  ["config.txt", Buffer.from("kernel=Image.gz\n")],
  ["Image.gz", Buffer.alloc(5 * MIB + 17, "kernel")],
  ["overlays/a-rather-long-name.dtbo", Buffer.alloc(700, "x")],
]);

function run(...command: string[]): Uint8Array {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, {
    env: {
      ...process.env,
      MTOOLS_SKIP_CHECK: "1",
      LC_ALL: "C.UTF-8",
      PATH: `${process.env["PATH"]}:/usr/sbin:/sbin`,
    },
  });
  if (exitCode !== 0)
    throw new Error(`${command.join(" ")}: ${exitCode}\n${stdout.toString()}${stderr.toString()}`);
  return new Uint8Array(stdout);
}

const words = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** The partition of a card's image as a file of its own. */
function partitionOf(image: string): string {
  const file = join(folder, "partition.img");
  writeFileSync(file, readFileSync(image).subarray(4 * MIB));
  return file;
}

describeWith(["fsck.fat", "mcopy", "mlabel", "sfdisk"], "a card as others see it", () => {
  test("fsck.fat finds nothing amiss, mtools reads every file, sfdisk the partition", async () => {
    const image = join(folder, "card.img");
    await writeImageFile(cardDisk(FILES), image);
    expect(statSync(image).size).toBe(68 * MIB);
    // It is sparse: what is free takes no room.
    expect(statSync(image).blocks * 512).toBeLessThan(12 * MIB);
    const partition = partitionOf(image);
    expect(words(run("fsck.fat", "-n", "-v", "-V", partition))).not.toMatch(/differ|wrong|corrupt|dirty/i);
    expect(words(run("mlabel", "-s", "-i", partition, "::"))).toContain("PINETBOOT");
    for (const [path, content] of FILES)
      expect(Buffer.compare(run("mcopy", "-n", "-i", partition, `::${path}`, "-"), content), path).toBe(0);
    expect(words(run("sfdisk", "--dump", image))).toMatch(/start= +8192, size= +131072, type=c\n/);
  });

  test("any tree of files is a file system that fsck.fat accepts", async () => {
    const name = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}(\.[a-z]{1,4})?$/);
    const tree = fc.uniqueArray(fc.tuple(fc.constantFrom("", "d/", "d/e/", "F/"), name, fc.nat(3000)), {
      maxLength: 60,
      selector: ([at, word]) => `${at}${word}`.toLowerCase(),
    });
    await fc.assert(
      fc.asyncProperty(tree, fc.constantFrom(34 * MIB, 64 * MIB, 300 * MIB), async (parts, sizeBytes) => {
        const files = new Map(
          parts
            .filter(([at, word]) => at !== "" || !["d", "f"].includes(word.toLowerCase()))
            .filter(([at, word]) => at !== "d/" || word.toLowerCase() !== "e")
            .map(([at, word, length]) => [`${at}${word}`, new Uint8Array(length).fill(length)]),
        );
        const regions = formatFat32({
          offsetBytes: 0,
          sizeBytes,
          label: "ANY",
          volumeId: 1,
          modified: new Date(),
          files,
        });
        const file = join(folder, "any.img");
        await writeImageFile(regionDisk(sizeBytes, regions), file);
        run("fsck.fat", "-n", "-V", file);
      }),
      { numRuns: process.env["PINETBOOT_LONG"] ? 200 : 15 },
    );
  });
});

/** A loop device on a fresh file of that size. */
function loopOn(sizeBytes: number, name: string): { readonly path: string; readonly file: string } {
  const file = join(folder, name);
  writeFileSync(file, "");
  truncateSync(file, sizeBytes);
  return { path: words(run("losetup", "--find", "--show", "--partscan", file)).trim(), file };
}

function refusalOf(path: string, anyDisk = true): string {
  try {
    checkTarget(readBlockDevice(path), { sizeBytes: 68 * MIB, anyDisk });
    return "none";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describeWith(["root", "losetup", "mkfs.ext4", "mkswap", "fsck.fat"], "a card on a disk of the kernel", () => {
  test("is written, read back, and nothing of an older partition table is left", async () => {
    const { path, file } = loopOn(100 * MIB, "disk.img");
    try {
      writeFileSync(file, Buffer.alloc(100 * MIB, 0xa5));
      const steps: string[] = [];
      const source = cardDisk(FILES);
      await writeDevice(source, {
        path,
        deviceBytes: readBlockDevice(path).sizeBytes,
        onProgress: ({ step, doneBytes, totalBytes }) => steps.push(`${step} ${doneBytes / totalBytes}`),
      });
      expect(steps.filter((step) => step.endsWith(" 1"))).toEqual(["writing 1", "reading back 1"]);
      const written = readFileSync(file);
      const wanted = new Uint8Array(source.sizeBytes);
      await source.read(wanted, 0);
      expect(Buffer.compare(written.subarray(0, wanted.length), wanted)).toBe(0);
      expect(written.subarray(-33 * 512).every((byte) => byte === 0)).toBe(true);
      expect(written[wanted.length]).toBe(0xa5);
    } finally {
      run("losetup", "--detach", path);
    }
  });

  test("is refused where something is mounted or swapped to, also by O_EXCL alone, and on a loop without --any-disk", async () => {
    const { path, file } = loopOn(100 * MIB, "used.img");
    const mount = join(folder, "mounted here");
    mkdirSync(mount);
    try {
      expect(refusalOf(path, false)).toContain("not removable");
      expect(refusalOf(path, false)).toContain(file);
      expect(refusalOf(path)).toBe("none");
      run("mkfs.ext4", "-q", path);
      run("mount", path, mount);
      try {
        expect(refusalOf(path)).toContain(`${path} is mounted at ${mount}`);
        const late = writeDevice(cardDisk(FILES), {
          path,
          deviceBytes: 100 * MIB,
          onProgress: () => undefined,
        });
        expect(late).rejects.toThrow("is in use");
        await late.catch(() => undefined);
      } finally {
        run("umount", mount);
      }
      expect(refusalOf(path)).toBe("none");
      run("mkswap", "-q", path);
      run("swapon", path);
      try {
        expect(refusalOf(path)).toContain("this computer runs from");
      } finally {
        run("swapoff", path);
      }
    } finally {
      run("losetup", "--detach", path);
    }
  });

  test("is not called good when the medium lies", async () => {
    const { path } = loopOn(100 * MIB, "liar.img");
    try {
      const source = cardDisk(FILES);
      const spoilt = run.bind(
        undefined,
        "dd",
        "if=/dev/urandom",
        `of=${path}`,
        "bs=4096",
        "count=1",
        "seek=5000",
        "conv=notrunc,fsync",
        "status=none",
      );
      const writing = writeDevice(source, {
        path,
        deviceBytes: 100 * MIB,
        onProgress({ step, doneBytes, totalBytes }) {
          if (step === "writing" && doneBytes === totalBytes) spoilt();
        },
      });
      expect(writing).rejects.toThrow("in the piece at 19 MiB");
      await writing.catch(() => undefined);
    } finally {
      run("losetup", "--detach", path);
    }
  });

  test("on which the writing stopped has no partition table, and it is said", async () => {
    const { path, file } = loopOn(100 * MIB, "stopped.img");
    try {
      writeFileSync(file, Buffer.alloc(100 * MIB, 0xa5));
      const abort = new AbortController();
      const writing = writeDevice(cardDisk(FILES), {
        path,
        deviceBytes: 100 * MIB,
        signal: abort.signal,
        onProgress: ({ doneBytes }) => doneBytes > 8 * MIB && abort.abort(),
      });
      expect(writing).rejects.toThrow("starts no Pi");
      await writing.catch(() => undefined);
      expect(
        readFileSync(file)
          .subarray(0, 4096)
          .every((byte) => byte === 0),
      ).toBe(true);
    } finally {
      run("losetup", "--detach", path);
    }
  });
});

describeWith(["root", "losetup"], "pinetboot sdcard", () => {
  const main = resolve(import.meta.dir, "../../src/cli/main.ts");
  const sdcard = (...flags: string[]) => {
    const { exitCode, stderr } = Bun.spawnSync([process.execPath, main, "sdcard", ...flags], {
      stdin: "ignore",
    });
    return { exitCode, stderr: stderr.toString() };
  };

  test("says in one line why it does not write, and makes no file of a disk's name that is not there", () => {
    const { path } = loopOn(100 * MIB, "cli.img");
    try {
      expect(sdcard(path, "--yes")).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining("--any-disk"),
      });
      expect(sdcard("/dev/sdzz9", "--yes").stderr).toContain("is no disk");
    } finally {
      run("losetup", "--detach", path);
    }
  });
});
