/** Archives as the programs of a Linux system make them, and an import whose process is killed. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, truncateSync } from "node:fs";
import { join } from "node:path";
import * as zlib from "node:zlib";
import { ImageLibrary } from "../../src/images/library.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { describeWith } from "../support/tools.ts";
import { shell } from "./disks.ts";

const MIB = 1 << 20;

describeWith(["xz", "gzip", "zstd", "bzip2", "sfdisk"], "images packed by the system's programs", () => {
  const folder = temporaryFolder("images");
  const raw = join(folder, "card.img");
  let sha256 = "";

  beforeAll(async () => {
    const disk = Buffer.alloc(48 * MIB);
    for (let at = 8 * MIB; at < 11 * MIB; at += 16)
      disk.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at);
    await Bun.write(raw, disk);
    const table = "label: dos\n2048,16384,c\n18432,,83\n";
    const { exitCode } = Bun.spawnSync(["sfdisk", "-q", raw], { stdin: Buffer.from(table) });
    expect(exitCode).toBe(0);
    sha256 = Bun.SHA256.hash(await Bun.file(raw).arrayBuffer(), "hex");
  });

  test.each([
    ["gzip -1", "gz"],
    ["gzip -9", "gz"],
    ["xz -1", "xz"],
    ["xz -0 -T2 --block-size=1MiB", "xz"],
    ["xz -0 --check=crc32", "xz"],
    ["xz --lzma2=preset=1,dict=64MiB", "xz"],
    ["zstd -q", "zst"],
    ["zstd -q --no-check", "zst"],
    ["zstd -q -1 --long=27", "zst"],
    ["bzip2 -1", "bz2"],
    ["bzip2 -9", "bz2"],
  ])(
    "%s",
    async (program, ending) => {
      const packed = pack(program, ending);
      const directory = join(folder, `library ${program}`);
      const library = await ImageLibrary.open(directory);
      const image = await library.import({ path: packed });
      expect(image).toMatchObject({ id: sha256, sizeBytes: 48 * MIB });
      const info = await library.info(sha256);
      expect(info.allocatedBytes).toBeLessThan(4 * MIB);
      expect(info.partitions).toEqual({
        scheme: "mbr",
        entries: [
          { number: 1, offsetBytes: MIB, sizeBytes: 8 * MIB, type: "FAT32" },
          { number: 2, offsetBytes: 9 * MIB, sizeBytes: 39 * MIB, type: "Linux" },
        ],
      });
    },
    30_000,
  );

  test.each([
    ["xz -0 --check=sha256", "xz", "options that are not understood"],
    ["xz --lzma2=preset=0,dict=128MiB", "xz", "dictionary is larger than 64 MiB"],
    ["zstd -q -1 --long=31", "zst", "window is larger than 128 MiB"],
  ])(
    "%s is refused with the reason",
    async (program, ending, reason) => {
      const library = await ImageLibrary.open(join(folder, `library ${program}`));
      const failure = await library.import({ path: pack(program, ending) }).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: "bad-archive" });
      expect(String(failure)).toContain(reason);
    },
    30_000,
  );

  test("an import whose process is killed leaves nothing once the library is opened again", async () => {
    const directory = join(folder, "killed");
    const large = join(folder, "large.img");
    await Bun.write(large, "the first of 64 GiB");
    truncateSync(large, 64 * 2 ** 30);
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "importer.ts"), directory, large], {
      stdout: "pipe",
    });
    const { value } = await child.stdout.getReader().read();
    child.kill("SIGKILL");
    await child.exited;
    expect(new TextDecoder().decode(value)).toMatch(/^\d+\n/);
    expect(readdirSync(directory)).toHaveLength(1);
    const library = await ImageLibrary.open(directory);
    expect(readdirSync(directory)).toEqual([]);
    expect(library.list()).toHaveLength(1);
  }, 30_000);

  let packs = 0;

  /** Runs the program on the card; the file's name says nothing of what it is. */
  function pack(program: string, ending: string): string {
    const path = join(folder, `card-${(packs += 1)}.img.${ending}`);
    const { exitCode, stderr } = Bun.spawnSync(["sh", "-c", `${program} -c < "$0" > "$1"`, raw, path]);
    expect({ exitCode, stderr: stderr.toString() }).toMatchObject({ exitCode: 0 });
    return path;
  }
});

describeWith(["root", "mount"], "a disk that is too small for an image", () => {
  // Before the folder's own removal, which comes in the same order.
  afterAll(() => shell(folder, "umount disk"));
  const folder = temporaryFolder("small");
  const mounted = join(folder, "disk");

  beforeAll(async () => {
    const noise = Buffer.alloc(32 * MIB);
    for (let at = 0; at < noise.byteLength; at += 65_536)
      crypto.getRandomValues(noise.subarray(at, at + 65_536));
    await Bun.write(join(folder, "noise.img"), noise);
    await Bun.write(join(folder, "noise.img.zst"), zlib.zstdCompressSync(noise));
    shell(folder, "mkdir disk; mount -t tmpfs -o size=24M tmpfs disk");
  }, 60_000);

  test("an archive that cannot fit is refused before anything is unpacked, with both figures", async () => {
    const library = await ImageLibrary.open(join(mounted, "images"));
    let seen = 0;
    const failure = await library
      .import({ path: join(folder, "noise.img.zst") }, { onProgress: () => (seen += 1) })
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "no-space", message: expect.stringContaining("MiB are free") });
    expect(seen).toBe(0);
    expect(readdirSync(join(mounted, "images"))).toEqual([]);
  });

  test.each(["a raw disk", "standard input"])(
    "%s that turns out too large leaves nothing, and the next goes on",
    async (what) => {
      const library = await ImageLibrary.open(join(mounted, "images"));
      const path = join(folder, "noise.img");
      const source = what === "a raw disk" ? { path } : { stream: Bun.file(path).stream(), label: what };
      const failure = await library.import(source).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: "no-space", fix: expect.stringContaining("image remove") });
      expect(readdirSync(join(mounted, "images"))).toEqual([]);
      const small = join(folder, "small.img");
      await Bun.write(small, what.repeat(1000));
      expect((await library.import({ path: small })).names).toHaveLength(1);
      await library.remove("small", { inUse: () => [] });
    },
  );
});
