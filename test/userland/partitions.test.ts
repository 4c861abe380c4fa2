import { afterEach, beforeEach, expect, test } from "bun:test";
import { describeWith } from "../support/tools.ts";
import { ShimShell } from "./shim-shell.ts";

const SECTOR_BYTES = 512;
const FAT = 0x0c;
const LINUX = 0x83;
const SWAP = 0x82;
const GPT_TYPES = {
  efi: "28732ac11ff8d211ba4b00a0c93ec93b",
  linux: "af3dc60f838472478e793d69d8477de4",
  rootArm64: "45b021b9f01dc341af444c6f280d3fae",
  swap: "6dfd5706aba4c44384e50933c84b4f4f",
} as const;

describeWith(["busybox"], "which partition the shim takes for the root", () => {
  let shell: ShimShell;
  beforeEach(() => {
    shell = new ShimShell();
  });
  afterEach(() => shell.dispose());

  /** The kernel shows a disk `sda` with partitions of these numbers. */
  const kernelShows = (numbers: readonly number[], blockBytes = SECTOR_BYTES): void => {
    shell.write("sys/class/block/sda/queue/logical_block_size", `${blockBytes}\n`);
    for (const number of numbers) shell.write(`sys/class/block/sda/sda${number}/partition`, `${number}\n`);
  };
  const mbr = (types: readonly number[]): void => {
    const sector = Buffer.alloc(SECTOR_BYTES);
    for (const [index, type] of types.entries()) sector[446 + 16 * index + 4] = type;
    sector.set([0x55, 0xaa], 510);
    shell.write("dev/sda", sector);
    kernelShows(types.flatMap((type, index) => (type === 0 ? [] : [index + 1])));
  };
  const gpt = (types: readonly (keyof typeof GPT_TYPES | undefined)[], blockBytes = SECTOR_BYTES): void => {
    const disk = Buffer.alloc(2 * blockBytes + 128 * 128);
    disk[446 + 4] = 0xee;
    for (const [index, type] of types.entries())
      if (type) disk.write(GPT_TYPES[type], 2 * blockBytes + 128 * index, "hex");
    shell.write("dev/sda", disk);
    kernelShows(
      types.flatMap((type, index) => (type === undefined ? [] : [index + 1])),
      blockBytes,
    );
  };
  const candidates = (): string[] => shell.run("partitions_for_root sda").text.trim().split("\n");

  test("partition 2 of a Raspberry Pi's card", () => {
    mbr([FAT, LINUX]);
    expect(candidates()).toEqual(["sda2"]);
  });

  test("the only Linux partition when it is not the second", () => {
    mbr([LINUX]);
    expect(candidates()).toEqual(["sda1"]);
  });

  test("partition 2 first, although it may turn out to be swap, then the Linux ones in order", () => {
    mbr([LINUX, SWAP, 0, LINUX]);
    expect(candidates()).toEqual(["sda2", "sda1", "sda4"]);
  });

  test("a GPT disk's Linux partitions, of the general type and of arm64's own", () => {
    gpt(["efi", undefined, "linux", "swap", "rootArm64"]);
    expect(candidates()).toEqual(["sda3", "sda5"]);
  });

  test("a GPT disk of 4096-byte blocks", () => {
    gpt(["linux", undefined, undefined], 4096);
    expect(candidates()).toEqual(["sda1"]);
  });

  test("the whole disk when it has no partitions", () => {
    shell.write("dev/sda", Buffer.alloc(4096));
    kernelShows([]);
    expect(candidates()).toEqual(["sda"]);
  });

  test("none at all when there is neither a partition 2 nor a Linux one", () => {
    mbr([FAT]);
    expect(candidates()).toEqual([""]);
  });
});
