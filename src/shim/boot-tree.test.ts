import { describe, expect, test } from "bun:test";
import { deviceTreeNames } from "./boards/device-trees.ts";
import { bootTree } from "./boot-tree.ts";
import type { ShimBundle } from "./bundle/bundle.ts";

const names = [...deviceTreeNames()];
const content = new Map(
  [["Image.gz", "kernel"], ["overlays/disable-bt.dtbo", "overlay"], ...names].map(
    ([path = "", text = ""]) => [path, new TextEncoder().encode(text)],
  ),
);
const bundle: ShimBundle = {
  manifest: { format: 2, inputs: "", kernelRelease: "", files: [], sources: [] },
  tarPath: "",
  paths: () => [...content.keys()],
  file: (path) => content.get(path),
};
const tree = bootTree(bundle, {
  cmdline: "console=tty1 console=serial0,115200 pinetboot.server=10.0.0.1:8069",
});
const read = (path: string): string | undefined => {
  const data = tree.get(path);
  return data && new TextDecoder().decode(data);
};

/** Board -> what its firmware asks for with upstream_kernel=1, mainline's name or its own. */
const ASKED = [
  ["Pi 3B", "bcm2837-rpi-3-b.dtb", ["bcm2837-rpi-3-b.dtb", "bcm2710-rpi-3-b.dtb"]],
  ["Pi 3B+", "bcm2837-rpi-3-b-plus.dtb", ["bcm2837-rpi-3-b-plus.dtb", "bcm2710-rpi-3-b-plus.dtb"]],
  ["Pi 3A+", "bcm2837-rpi-3-a-plus.dtb", ["bcm2837-rpi-3-a-plus.dtb", "bcm2710-rpi-3-a-plus.dtb"]],
  ["Zero 2 W", "bcm2837-rpi-zero-2-w.dtb", ["bcm2837-rpi-zero-2-w.dtb", "bcm2710-rpi-zero-2-w.dtb"]],
  ["Pi 4B", "bcm2711-rpi-4-b.dtb", ["bcm2711-rpi-4-b.dtb"]],
  ["Pi 400", "bcm2711-rpi-400.dtb", ["bcm2711-rpi-400.dtb"]],
  ["CM4", "bcm2711-rpi-cm4-io.dtb", ["bcm2711-rpi-cm4.dtb", "bcm2711-rpi-cm4-io.dtb"]],
  ["Pi 5", "bcm2712-rpi-5-b.dtb", ["bcm2712-rpi-5-b.dtb"]],
  ["Pi 5 (D0)", "bcm2712-d-rpi-5-b.dtb", ["bcm2712d0-rpi-5-b.dtb", "bcm2712-d-rpi-5-b.dtb"]],
  ["Pi 500", "bcm2712-rpi-500.dtb", ["bcm2712-rpi-500.dtb"]],
  ["CM4S", "bcm2711-rpi-cm4s.dtb", ["bcm2711-rpi-cm4s.dtb"]],
  ["CM5", "bcm2712-rpi-cm5.dtb", ["bcm2712-rpi-cm5-cm5io.dtb", "bcm2712-rpi-cm5-cm4io.dtb"]],
  ["CM5 Lite", "bcm2712-rpi-cm5.dtb", ["bcm2712-rpi-cm5l-cm5io.dtb", "bcm2712-rpi-cm5l-cm4io.dtb"]],
] as const;

describe("the boot tree", () => {
  for (const [board, mainline, asked] of ASKED)
    test(`answers the device tree of a ${board} under every name, with and without upstream/`, () => {
      for (const name of asked) {
        expect(read(name)).toBe(mainline);
        expect(read(`upstream/${name}`)).toBe(mainline);
      }
    });

  test("answers the rest under upstream/ as well, where the firmware looks first", () => {
    expect(read("upstream/Image.gz")).toBe("kernel");
    expect(read("upstream/overlays/disable-bt.dtbo")).toBe("overlay");
    expect(read("upstream/cmdline.txt")).toBe(read("cmdline.txt"));
  });

  test("has the kernel command line on one line, with the serial console of each board", () => {
    expect(read("cmdline.txt")).toBe("console=tty1 console=ttyAMA0,115200 pinetboot.server=10.0.0.1:8069\n");
    expect(read("cmdline-pi5.txt")).toBe(
      "console=tty1 console=ttyAMA10,115200 pinetboot.server=10.0.0.1:8069\n",
    );
  });

  test("has the kernel of its variant under the one name, and nothing of another variant's", () => {
    const files = new Map(
      ["Image.gz", "Image-wifi.gz", "config-of-both"].map((path) => [path, new TextEncoder().encode(path)]),
    );
    const row = { sizeBytes: 1, sha256: "", part: "kernel" as const };
    const both: ShimBundle = {
      ...bundle,
      manifest: {
        ...bundle.manifest,
        files: [
          { ...row, path: "Image.gz", variant: "ethernet" },
          { ...row, path: "Image-wifi.gz", variant: "wifi" },
          { ...row, path: "config-of-both" },
        ],
      },
      paths: () => [...files.keys()],
      file: (path) => files.get(path),
    };
    const contents = (variant: "ethernet" | "wifi") => {
      const of = bootTree(both, { cmdline: "", variant });
      const own = of.paths().filter((path) => files.has(path));
      return own.map((path) => [path, new TextDecoder().decode(of.get(path))]);
    };
    expect(contents("ethernet")).toEqual([
      ["Image.gz", "Image.gz"],
      ["config-of-both", "config-of-both"],
    ]);
    expect(contents("wifi")).toEqual([
      ["Image.gz", "Image-wifi.gz"],
      ["config-of-both", "config-of-both"],
    ]);
    expect(bootTree(both, { cmdline: "", variant: "wifi" }).get("Image-wifi.gz")).toBeUndefined();
    expect(bootTree(both, { cmdline: "" }).get("upstream/Image.gz")).toEqual(
      new TextEncoder().encode("Image.gz"),
    );
  });

  test("has a config.txt and lists it", () => {
    expect(read("config.txt")).toContain("kernel=Image.gz");
    expect(tree.paths()).toContain("config.txt");
    expect(tree.paths().filter((path) => tree.get(path) === undefined)).toEqual([]);
  });

  test("has nothing under names that were not given", () => {
    for (const path of [
      "",
      "/",
      "../config.txt",
      "recovery.elf",
      "upstream/",
      "upstream/upstream/Image.gz",
      "constructor",
    ])
      expect(tree.get(path), path).toBeUndefined();
  });
});
