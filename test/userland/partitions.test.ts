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

  test("logical partitions, by the chain of their tables", () => {
    const disk = Buffer.alloc(64 * SECTOR_BYTES);
    disk.set([0x55, 0xaa], 510);
    const entry = (table: number, index: number, type: number, start: number): void => {
      const at = table * SECTOR_BYTES + 446 + 16 * index;
      disk[at + 4] = type;
      disk.writeUInt32LE(start, at + 8);
      disk.set([0x55, 0xaa], table * SECTOR_BYTES + 510);
    };
    entry(0, 0, FAT, 1);
    entry(0, 3, 0x05, 16);
    // The extended partition begins at 16; links in it count from there, partitions from their own table.
    entry(16, 0, SWAP, 1);
    entry(16, 1, 0x05, 8);
    entry(24, 0, LINUX, 1);
    entry(24, 1, 0x05, 16);
    entry(32, 0, LINUX, 1);
    // A circle must end.
    entry(32, 1, 0x05, 8);
    shell.write("dev/sda", disk);
    kernelShows([1, 4, 5, 6, 7]);
    expect(candidates()).toEqual(["sda6", "sda7"]);
  });

  const uevent = (number: number, lines: string): void =>
    shell.write(`sys/class/block/sda/sda${number}/uevent`, `DEVTYPE=partition\n${lines}\n`);
  const superblock = (number: number, uuid: string, label: string): void => {
    const bytes = Buffer.alloc(2048);
    bytes.writeUInt16LE(0xef53, 1024 + 0x38);
    bytes.write(uuid.replaceAll("-", ""), 1024 + 0x68, "hex");
    bytes.write(label, 1024 + 0x78, "latin1");
    shell.write(`dev/sda${number}`, bytes);
  };
  const UUID = "3f6c1d2e-1111-4222-8333-444455556666";

  test.each([
    ["PARTUUID=1A2B3C4D-03"],
    ["/dev/disk/by-partuuid/1a2b3c4d-03"],
    ["PARTLABEL=root b"],
    [`UUID=${UUID.toUpperCase()}`],
    [`/dev/disk/by-uuid/${UUID}`],
    ["LABEL=writable"],
    ["/dev/mmcblk0p3"],
    ["/dev/nvme0n1p3"],
    ["/dev/sda3"],
    ["/dev/vda3"],
  ])("what the image's own cmdline.txt calls its root comes first: root=%s", (name) => {
    mbr([FAT, LINUX, LINUX]);
    uevent(2, "PARTUUID=1a2b3c4d-02");
    uevent(3, "PARTUUID=1a2b3c4d-03\nPARTNAME=root b");
    superblock(2, "00000000-0000-4000-8000-000000000000", "other");
    superblock(3, UUID, "writable");
    shell.program(
      "mount",
      `for folder in "$@"; do :; done; printf '%s' 'console=tty1 "root=${name}" rootwait' >"$folder/cmdline.txt"`,
    );
    shell.program("umount", "exit 0");
    expect(candidates()).toEqual(["sda3", "sda2"]);
  });

  test("a name that leads nowhere is passed over, and so is a disk without a boot partition", () => {
    mbr([FAT, LINUX]);
    shell.program(
      "mount",
      `for folder in "$@"; do :; done; echo root=PARTUUID=ffffffff-02 >"$folder/cmdline.txt"`,
    );
    shell.program("umount", "exit 0");
    expect(candidates()).toEqual(["sda2"]);
    shell.program("mount", "exit 1");
    expect(candidates()).toEqual(["sda2"]);
  });

  test("root= of the kernel's own command line is nearer than the image's", () => {
    mbr([FAT, LINUX, LINUX]);
    shell.program("mount", "echo must not be called >&2");
    const { text, errors } = shell.run("value_put cmdline root /dev/mmcblk0p3; partitions_for_root sda");
    expect([text, errors]).toEqual(["sda3\nsda2\n", ""]);
  });

  test("none at all when there is neither a partition 2 nor a Linux one", () => {
    mbr([FAT]);
    expect(candidates()).toEqual([""]);
  });
});
