import { expect, test } from "bun:test";
import { regionDisk } from "../regions.ts";
import { FatError } from "./fat-error.ts";
import { formatFat32, type NewFat } from "./format.ts";
import { FatVolume } from "./volume.ts";

const MIB = 2 ** 20;
const modified = new Date("2026-01-01T00:00:00Z");

function fat(files: Record<string, Uint8Array>, sizeBytes = 40 * MIB): NewFat {
  return {
    offsetBytes: MIB,
    sizeBytes,
    label: "PINETBOOT",
    volumeId: 0x1234abcd,
    modified,
    files: new Map(Object.entries(files)),
  };
}

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7) & 0xff);

test("what was put in is read out again, by our own reader", async () => {
  const files = {
    "config.txt": bytes(300),
    "empty.txt": bytes(0),
    "overlays/dwc2.dtbo": bytes(513),
    "overlays/deep/er/a file with a long name.txt": bytes(5),
    "kernel8.img": bytes(3 * MIB + 1),
  };
  const made = fat(files);
  const disk = regionDisk(MIB + made.sizeBytes, formatFat32(made));
  const volume = await FatVolume.open(disk, MIB, made.sizeBytes);
  expect(volume.kind).toBe(32);
  for (const [path, content] of Object.entries(files))
    expect(Buffer.compare((await volume.read(path)) ?? bytes(1), content), path).toBe(0);
  expect((await volume.list("")).map(({ name }) => name)).toEqual([
    "config.txt",
    "empty.txt",
    "overlays",
    "kernel8.img",
  ]);
});

test("more files than one cluster of a folder holds are all there", async () => {
  const files = Object.fromEntries(
    Array.from({ length: 200 }, (_, i) => [`overlays/overlay-number-${i}.dtbo`, bytes(i)]),
  );
  const made = fat(files);
  const volume = await FatVolume.open(
    regionDisk(MIB + made.sizeBytes, formatFat32(made)),
    MIB,
    made.sizeBytes,
  );
  expect(await volume.list("overlays")).toHaveLength(200);
  expect(await volume.read("overlays/overlay-number-199.dtbo")).toEqual(bytes(199));
});

test("names that FAT cannot tell apart, or cannot hold, are refused", () => {
  expect(() => formatFat32(fat({ "a.txt": bytes(1), "A.TXT": bytes(1) }))).toThrow("twice");
  expect(() => formatFat32(fat({ "a?.txt": bytes(1) }))).toThrow(FatError);
  expect(() => formatFat32(fat({ a: bytes(1), "a/b": bytes(1) }))).toThrow("is a file");
  expect(() => formatFat32({ ...fat({}), label: "too long a label" })).toThrow("label");
});

test("files that do not fit, and sizes that FAT32 does not have, are refused", () => {
  expect(() => formatFat32(fat({ "a.bin": new Uint8Array(41 * MIB) }))).toThrow("do not fit");
  expect(() => formatFat32(fat({}, 32 * MIB))).toThrow("too few");
  expect(() => formatFat32(fat({}, 33 * 1024 * MIB))).toThrow("not made here");
});
