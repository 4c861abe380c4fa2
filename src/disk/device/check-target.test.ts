import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readBlockDevice } from "./block-device.ts";
import { checkTarget } from "./check-target.ts";

const GIB = 2 ** 30;
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pinetboot-kernel-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A computer as the kernel would show it: an SSD with the system, a card in a reader, an encrypted stick. */
function computer({ mounts = "", swaps = "" }: { mounts?: string; swaps?: string } = {}) {
  const root = mkdtempSync(join(folder, "computer-"));
  const put = (path: string, content: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), `${content}\n`);
  };
  const disk = (name: string, sizeBytes: number, removable: number): void => {
    put(`sys/devices/${name}/size`, String(sizeBytes / 512));
    put(`sys/devices/${name}/removable`, String(removable));
    put(`sys/devices/${name}/ro`, "0");
    mkdirSync(join(root, "sys/class/block"), { recursive: true });
    symlinkSync(`../../devices/${name}`, join(root, "sys/class/block", name));
  };
  const partition = (of: string, name: string, number: string): void => {
    put(`sys/devices/${of}/${name}/partition`, "1");
    put(`sys/devices/${of}/${name}/dev`, number);
    symlinkSync(`../../devices/${of}/${name}`, join(root, "sys/class/block", name));
  };
  disk("ssd", 500 * GIB, 0);
  partition("ssd", "ssd1", "8:1");
  partition("ssd", "ssd2", "8:2");
  disk("card", 32 * GIB, 1);
  put("sys/devices/card/device/vendor", "SanDisk ");
  put("sys/devices/card/device/model", "Ultra");
  partition("card", "card1", "8:17");
  disk("stick", 16 * GIB, 1);
  partition("stick", "stick1", "8:33");
  disk("dm-0", 16 * GIB, 0);
  put("sys/devices/dm-0/dev", "253:0");
  put("sys/devices/stick/stick1/holders/dm-0", "");
  put("proc/self/mountinfo", `22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/root rw\n${mounts}`);
  put("proc/swaps", `Filename\tType\tSize\tUsed\tPriority\n${swaps}`);
  return { sys: join(root, "sys"), proc: join(root, "proc") };
}

const rules = { sizeBytes: 68 * 2 ** 20, anyDisk: false };

function refusalOf(
  path: string,
  kernel: ReturnType<typeof computer>,
  wanted: Partial<typeof rules> = {},
): string {
  try {
    checkTarget(readBlockDevice(path, kernel), { ...rules, ...wanted });
    return "none";
  } catch (error) {
    if (!(error instanceof Error) || !("reason" in error)) throw error;
    return `${String(error.reason)}: ${error.message}`;
  }
}

describe("a disk that may be written", () => {
  test("is a card that nobody uses, and it is shown by its name and size", () => {
    const kernel = computer();
    expect(refusalOf("/dev/card", kernel)).toBe("none");
    expect(readBlockDevice("/dev/card", kernel)).toMatchObject({
      model: "SanDisk Ultra",
      sizeBytes: 32 * GIB,
    });
  });

  test("is not the one that this computer runs from, whatever is insisted on", () => {
    expect(refusalOf("/dev/ssd", computer(), { anyDisk: true })).toStartWith("system-disk");
  });

  test("is not one with a swap on it", () => {
    const kernel = computer({ swaps: "/dev/card1 partition 100 0 -2" });
    expect(refusalOf("/dev/card", kernel, { anyDisk: true })).toStartWith("system-disk");
  });

  test("is not one that is mounted, and its folder is said as it is written", () => {
    const kernel = computer({ mounts: "50 22 8:17 / /media/my\\040card rw - vfat /dev/card1 rw" });
    expect(refusalOf("/dev/card", kernel, { anyDisk: true })).toContain(
      "in-use: /dev/card is in use: /dev/card1 is mounted at /media/my card",
    );
  });

  test("is not one that btrfs has mounted under a number of its own", () => {
    const kernel = computer({ mounts: "50 22 0:45 / /media/data rw - btrfs /dev/card1 rw" });
    expect(refusalOf("/dev/card", kernel)).toStartWith("in-use");
  });

  test("is not one whose encryption is open, nor one below the root by it", () => {
    expect(refusalOf("/dev/stick", computer())).toStartWith("in-use");
    const root = computer({ mounts: "23 22 253:0 / /home rw - ext4 /dev/mapper/home rw" });
    expect(refusalOf("/dev/stick", root, { anyDisk: true })).toStartWith("system-disk");
  });

  test("is not a partition, and not something else", () => {
    expect(refusalOf("/dev/card1", computer())).toStartWith("not-a-disk");
    expect(refusalOf("/dev/null", computer())).toStartWith("not-a-disk");
  });

  test("is removable and not too large, unless the person insists", () => {
    const kernel = computer();
    const disk = { ...readBlockDevice("/dev/card", kernel), removable: false };
    expect(() => checkTarget(disk, rules)).toThrow("not removable");
    expect(() => checkTarget({ ...disk, removable: true, sizeBytes: 1024 * GIB }, rules)).toThrow(
      "larger than a card",
    );
    checkTarget(disk, { ...rules, anyDisk: true });
  });

  test("has room, is not write-protected, and is there", () => {
    const disk = readBlockDevice("/dev/card", computer());
    expect(() => checkTarget({ ...disk, sizeBytes: 2 ** 20 }, rules)).toThrow("are needed");
    expect(() => checkTarget({ ...disk, sizeBytes: 0 }, rules)).toThrow("no card");
    expect(() => checkTarget({ ...disk, readOnly: true }, rules)).toThrow("write-protected");
  });
});
