/** qcow2 files as QEMU makes them, and as somebody who means harm does. */
import { beforeAll, expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { ImageLibrary } from "../../src/images/library.ts";
import type { Image } from "../../src/images/image.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { describeWith } from "../support/tools.ts";
import { DISK_BYTES, shell, writeDisk } from "./disks.ts";

describeWith(["qemu-img"], "a qcow2 file", () => {
  const folder = temporaryFolder("qcow2");
  let sha256 = "";
  let count = 0;

  beforeAll(async () => {
    ({ sha256 } = await writeDisk(folder));
    shell(folder, "qemu-img convert -q -O qcow2 disk.img plain.qcow2");
  });

  async function imported(name: string): Promise<Image> {
    const directory = join(folder, `library-${(count += 1)}`);
    const library = await ImageLibrary.open(directory);
    try {
      const image = await library.import({ path: join(folder, name) });
      const { allocatedBytes } = await library.info(image.id);
      // Neither its empty clusters nor the zeros in its full ones take room.
      expect(allocatedBytes).toBeLessThan(5 * 2 ** 20);
      return image;
    } catch (error) {
      expect(readdirSync(directory)).toEqual([]);
      throw error;
    }
  }

  async function refusal(bytes: Uint8Array): Promise<string> {
    writeFileSync(join(folder, "hostile.qcow2"), bytes);
    const failure = await imported("hostile.qcow2").catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: "ImageError" });
    return String(failure);
  }

  test.each([
    ["plain", ""],
    ["of version 2", "-o compat=0.10"],
    ["packed with zlib", "-c"],
    ["packed with zlib, of version 2", "-c -o compat=0.10"],
    ["packed with zstd", "-c -o compression_type=zstd"],
    ["with subclusters", "-o extended_l2=on,cluster_size=128k"],
    ["packed, with subclusters", "-c -o extended_l2=on,cluster_size=64k"],
    ["with clusters of 512 bytes", "-o cluster_size=512"],
    ["packed, with clusters of 2 MiB", "-c -o cluster_size=2M"],
    ["preallocated", "-o preallocation=full"],
    ["with its tables preallocated", "-o preallocation=metadata"],
    ["with lazy refcounts", "-o lazy_refcounts=on"],
  ])("%s is imported as what a guest would read", async (_what, options) => {
    shell(folder, `qemu-img convert -q ${options} -O qcow2 disk.img case.qcow2`);
    expect(await imported("case.qcow2")).toMatchObject({
      id: sha256,
      sizeBytes: DISK_BYTES,
      source: { format: "qcow2" },
    });
  });

  test("with an internal snapshot is imported as it is now", async () => {
    shell(
      folder,
      "cp plain.qcow2 snap.qcow2; qemu-img snapshot -c before snap.qcow2; qemu-io -c 'write -P 7 0 1M' snap.qcow2",
    );
    shell(folder, "qemu-img convert -O raw snap.qcow2 snap.img");
    const wanted = Bun.SHA256.hash(await Bun.file(join(folder, "snap.img")).bytes(), "hex");
    expect((await imported("snap.qcow2")).id).toBe(wanted);
  });

  test.each([
    [
      "over a backing file",
      "qemu-img create -q -f qcow2 -b plain.qcow2 -F qcow2 case.qcow2",
      "a backing file",
    ],
    [
      "over a file of this computer",
      "qemu-img create -q -u -f qcow2 -b /etc/shadow -F raw case.qcow2 1M",
      "a backing file",
    ],
    [
      "with its data elsewhere",
      "rm -f case.qcow2; qemu-img create -q -f qcow2 -o data_file=data.raw case.qcow2 1M",
      "another file",
    ],
    [
      "that is encrypted",
      // As its header says; qemu-img's own LUKS measures the processor first, and gives up on a busy one.
      String.raw`cp plain.qcow2 case.qcow2; printf '\0\0\0\2' | dd of=case.qcow2 bs=1 seek=32 conv=notrunc status=none`,
      "encrypted",
    ],
    ["of the first version", "qemu-img create -q -f qcow case.qcow2 1M", "version 1"],
    ["that is larger than any card", "qemu-img create -q -f qcow2 case.qcow2 3T", "larger than 2048 GiB"],
  ])("%s is refused with the reason", async (_what, line, reason) => {
    shell(folder, line);
    const failure = await imported("case.qcow2").catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: "ImageError" });
    expect(String(failure)).toContain(reason);
  });

  const file = async (): Promise<Buffer> => Buffer.from(await Bun.file(join(folder, "plain.qcow2")).bytes());

  test.each([
    ["unknown features", 72, 0x4000_0000_0000_0000n, "features that are not known"],
    ["the corrupt bit", 72, 2n, "marked as corrupt"],
    ["cluster_bits of 255", 16, 255n, "cluster_bits"],
    ["an L1 table past the end", 40, 1n << 40n, "outside the file"],
    ["an L1 table at an odd place", 40, 12_345n, "outside the file"],
    ["a size that no number holds", 24, 0xffff_ffff_ffff_fff0n, "more than any file can hold"],
    ["an L1 table of 2^32 entries", 32, 0xffff_ffffn, "L1 table"],
    ["no bytes at all", 24, 0n, "no bytes"],
    ["refcounts of 128 bits", 96, (7n << 32n) | 112n, "refcounts have 2^7 bits"],
    ["a header shorter than its fields", 96, (4n << 32n) | 8n, "says that it has 8 bytes"],
    ["a header longer than a cluster", 96, (4n << 32n) | 65_544n, "says that it has 65544 bytes"],
    ["a refcount table past the end", 48, 1n << 40n, "refcount table lies outside"],
    ["a refcount table of 2^32 clusters", 56, 0xffff_ffffn << 32n, "refcount table lies outside"],
    ["no refcount table", 56, 0n, "refcount table lies outside"],
  ])("with %s is refused with the reason", async (_what, offset, value, reason) => {
    const bytes = await file();
    bytes.writeBigUInt64BE(value, offset);
    expect(await refusal(bytes)).toContain(reason);
  });

  test("whose tables are shared, loop or point outside is refused with the reason", async () => {
    const bytes = await file();
    const l1 = Number(bytes.readBigUInt64BE(40));
    const pointer = (target: bigint): Buffer => {
      const changed = Buffer.from(bytes);
      changed.writeBigUInt64BE((1n << 63n) | target, l1);
      return changed;
    };
    expect(await refusal(pointer(1n << 50n))).toContain("outside the file");
    expect(await refusal(pointer(0x10200n))).toContain("no cluster's start");
    expect(await refusal(pointer(1n << 57n))).toContain("reserved bits");
    shell(
      folder,
      "qemu-img create -q -f qcow2 -o cluster_size=512 small.qcow2 1M; qemu-io -c 'write 0 64k' small.qcow2",
    );
    const small = Buffer.from(await Bun.file(join(folder, "small.qcow2")).bytes());
    const table = Number(small.readBigUInt64BE(40));
    small.copy(small, table + 8, table, table + 8);
    expect(await refusal(small)).toContain("share the L2 table");
  });

  test("whose tables lie in one another, or pass for data, is refused with the reason", async () => {
    const bytes = await file();
    const [l1, refcounts] = [bytes.readBigUInt64BE(40), bytes.readBigUInt64BE(48)];
    const l2 = bytes.readBigUInt64BE(Number(l1)) & 0xff_ffff_ffff_fe00n;
    const changed = (at: number | bigint, value: bigint): Promise<string> => {
      const copy = Buffer.from(bytes);
      copy.writeBigUInt64BE(value, Number(at));
      return refusal(copy);
    };
    const copied = 1n << 63n;
    expect(await changed(40, refcounts)).toContain("L1 table and its refcount table overlap");
    expect(await changed(l1, copied | l1)).toContain("an L2 table at 196608 lies in its L1 table");
    expect(await changed(l1, copied | refcounts)).toContain("lies in its refcount table");
    expect(await changed(l2, copied | l1)).toContain("a cluster at 196608 lies in its L1 table");
    expect(await changed(l2, copied | l2)).toContain("lies in an L2 table");
    expect(await changed(l2, (1n << 62n) | (l2 + 512n))).toContain("lies in an L2 table");
    shell(folder, "qemu-img convert -q -o extended_l2=on -O qcow2 disk.img subclusters.qcow2");
    const subclusters = Buffer.from(await Bun.file(join(folder, "subclusters.qcow2")).bytes());
    const table = subclusters.readBigUInt64BE(Number(subclusters.readBigUInt64BE(40))) & 0xff_ffff_ffff_fe00n;
    subclusters.writeBigUInt64BE(copied | table, Number(table));
    expect(await refusal(subclusters)).toContain("lies in an L2 table");
  });

  test("whose packed clusters are damaged, or lie outside, is refused with the reason", async () => {
    for (const type of ["zlib", "zstd"]) {
      shell(folder, `qemu-img convert -q -c -o compression_type=${type} -O qcow2 disk.img packed.qcow2`);
      const bytes = Buffer.from(await Bun.file(join(folder, "packed.qcow2")).bytes());
      const table = Number(bytes.readBigUInt64BE(Number(bytes.readBigUInt64BE(40))) & 0xff_ffff_ffff_fe00n);
      const entry = bytes.readBigUInt64BE(table);
      expect((entry >> 62n) & 1n).toBe(1n);
      const offset = Number(entry & ((1n << 54n) - 1n));
      const damaged = Buffer.from(bytes);
      damaged.fill(0xff, offset, offset + 16);
      expect(await refusal(damaged)).toContain("compressed cluster");
      const outside = Buffer.from(bytes);
      outside.writeBigUInt64BE((1n << 62n) | (1n << 45n), table);
      expect(await refusal(outside)).toContain("outside the file");
    }
  });

  test("that was changed anywhere is imported or refused, and nothing else", async () => {
    const bytes = (await file()).subarray(0, 6 * 2 ** 20);
    const change = fc.record({
      at: fc.oneof(fc.nat(120), fc.integer({ min: 0, max: 5 * 65_536 })),
      value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const changed = Buffer.from(bytes);
        for (const { at, value } of changes) if (at >= 4) changed.writeBigUInt64BE(value, at);
        writeFileSync(join(folder, "fuzzed.qcow2"), changed);
        const library = await ImageLibrary.open(join(folder, `fuzz-${(count += 1)}`));
        const result = await library
          .import({ path: join(folder, "fuzzed.qcow2") })
          .catch((error: unknown) => error);
        if (result instanceof Error) expect(result.name).toBe("ImageError");
        else expect(result).toHaveProperty("id");
      }),
      { numRuns: 25 },
    );
  }, 60_000);
});

test("a raw disk that a guest made look like qcow2 can be imported as the raw disk that it is", async () => {
  const folder = temporaryFolder("disguised");
  const disk = Buffer.alloc(2 ** 20);
  Buffer.from("514649fb00000003", "hex").copy(disk);
  disk.write("/etc/shadow", 512);
  await Bun.write(join(folder, "disk.img"), disk);
  const library = await ImageLibrary.open(join(folder, "library"));
  const path = join(folder, "disk.img");
  const refused = await library.import({ path }).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "bad-archive" });
  const image = await library.import({ path }, { format: "raw" });
  expect(image).toMatchObject({ id: Bun.SHA256.hash(disk, "hex"), source: { format: "raw" } });
});
