/** Each overlay of ours on each device tree that it is for, merged as the firmware does. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheFolder, ensureShim, type ShimBundle } from "../../src/shim/index.ts";
import { describeWith } from "../support/tools.ts";

/** The shim may have to be compiled first. */
const BUILD_MS = 3_600_000;

const BLUETOOTH_ON_UART0 = [
  "bcm2837-rpi-3-b",
  "bcm2837-rpi-3-b-plus",
  "bcm2837-rpi-3-a-plus",
  "bcm2837-rpi-zero-2-w",
  "bcm2711-rpi-4-b",
  "bcm2711-rpi-400",
  "bcm2711-rpi-cm4-io",
] as const;
const BEFORE_PI5 = [
  ...BLUETOOTH_ON_UART0,
  "bcm2837-rpi-2-b",
  "bcm2837-rpi-cm3-io3",
  "bcm2711-rpi-cm4s",
] as const;
const PI5 = ["bcm2712-rpi-5-b", "bcm2712-d-rpi-5-b", "bcm2712-rpi-500", "bcm2712-rpi-cm5"] as const;

/** Overlays that config.txt names together, and others -> trees that take them. */
const FITS = [
  [["disable-bt", "screen"], BLUETOOTH_ON_UART0],
  [["disable-bt", "screen", "dwc2"], BLUETOOTH_ON_UART0],
  [["miniuart-bt"], BLUETOOTH_ON_UART0],
  [["screen", "dwc2"], BEFORE_PI5],
  [["screen-pi5", "dwc2-pi5"], PI5],
  [["bcm2712d0", "screen-pi5", "dwc2-pi5"], PI5],
] as const;

describeWith(["root", "fdtoverlay", "fdtget", "dtc"], "overlays", () => {
  let bundle: ShimBundle;
  let dir = "";

  beforeAll(async () => {
    bundle = await ensureShim({ cacheDir: cacheFolder(), allowInstall: true });
    dir = mkdtempSync(join(tmpdir(), "pinetboot-overlays-"));
  }, BUILD_MS);
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  /** Path of the tree with these overlays merged. */
  function merge(tree: string, overlays: readonly string[]): string {
    const files = [`${tree}.dtb`, ...overlays.map((name) => `overlays/${name}.dtbo`)].map((path) => {
      const to = join(dir, path.replace("/", "-"));
      writeFileSync(to, bundle.file(path) ?? "");
      return to;
    });
    const merged = join(dir, `${tree}-merged.dtb`);
    const [base = "", ...others] = files;
    if (others.length === 0) return base;
    const { exitCode, stderr } = Bun.spawnSync(["fdtoverlay", "-i", base, "-o", merged, ...others]);
    expect([tree, overlays, stderr.toString().trim(), exitCode]).toEqual([tree, overlays, "", 0]);
    return merged;
  }

  test.each(FITS.map(([overlays, trees]) => [overlays.join(", "), overlays, trees] as const))(
    "%s: on every tree it is for",
    (_names, overlays, trees) => {
      for (const tree of trees) merge(tree, overlays);
    },
  );

  test("bcm2712d0 makes of a Pi 5's tree what mainline's tree for the D0 says of the chip", () => {
    const made = merge("bcm2712-rpi-5-b", ["bcm2712d0"]);
    const mainline = merge("bcm2712-d-rpi-5-b", []);
    for (const [node, property] of [
      ["gio_aon", "brcm,gpio-bank-widths"],
      ["pinctrl", "compatible"],
      ["pinctrl", "reg"],
      ["pinctrl_aon", "compatible"],
      ["pinctrl_aon", "reg"],
      ["uart10", "interrupts"],
    ] as const) {
      expect(get(mainline, node, property)).not.toBe(get(merge("bcm2712-rpi-5-b", []), node, property));
      expect(get(made, node, property)).toBe(get(mainline, node, property));
    }
  });

  test("miniuart-bt gives the header the full UART, and Bluetooth the small one", () => {
    for (const tree of BLUETOOTH_ON_UART0) {
      const made = merge(tree, ["miniuart-bt"]);
      expect(get(made, "uart0", "pinctrl-0")).toBe(get(made, "uart0_gpio14", "phandle"));
      expect(get(made, "uart1", "pinctrl-0")).toBe(
        `${get(made, "uart1_gpio32", "phandle")} ${get(made, "uart1_ctsrts_gpio30", "phandle")}`,
      );
      expect(get(made, "bt", "status")).toBe(HEX_DISABLED);
      expect(get(made, "uart1", "status")).toBe(HEX_OKAY);
    }
  });
});

const hexOf = (text: string): string =>
  [...Buffer.from(`${text}\0`)].map((byte) => byte.toString(16)).join(" ");
const HEX_DISABLED = hexOf("disabled");
const HEX_OKAY = hexOf("okay");

/** A property in hex, of a node by its label or path. */
function get(file: string, node: string, property: string): string {
  const path = node.startsWith("/") ? node : fdtget(file, "/__symbols__", node);
  expect([node, path]).toEqual([node, expect.stringMatching(/^\//)]);
  return fdtget("-t", "bx", file, path, property);
}

function fdtget(...words: string[]): string {
  return Bun.spawnSync(["fdtget", ...words])
    .stdout.toString()
    .trim();
}
