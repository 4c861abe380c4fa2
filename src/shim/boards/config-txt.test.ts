import { describe, expect, test } from "bun:test";
import { OVERLAYS } from "../overlays/overlays.ts";
import { CMDLINES } from "./cmdline.ts";
import { CONFIG_ROWS, renderConfigTxt, USB_DEVICE_ROWS } from "./config-txt.ts";

/** What a board of one section filter reads, as the firmware does: comments and other boards' sections left out. */
function readBy(board: "pi02" | "pi2" | "pi3" | "pi4" | "pi5", options = {}): string[] {
  const read: string[] = [];
  let section = "all";
  for (const line of renderConfigTxt(options).split("\n")) {
    const filter = /^\[(\w+)\]$/.exec(line)?.[1];
    if (filter) section = filter;
    else if (line !== "" && !line.startsWith("#") && (section === "all" || section === board))
      read.push(line);
  }
  return read;
}

/** Longest line that the firmware reads to its end. */
const CONFIG_LINE_CHARS = 98;

describe("config.txt", () => {
  test("starts the one 64-bit mainline kernel on every board", () => {
    for (const board of ["pi02", "pi2", "pi3", "pi4", "pi5"] as const) {
      expect(readBy(board)).toContain("arm_64bit=1");
      expect(readBy(board)).toContain("kernel=Image.gz");
      expect(readBy(board)).toContain("upstream_kernel=1");
      expect(readBy(board)).toContain("enable_uart=1");
    }
  });

  test("lets a Pi 5 start a kernel that is not Raspberry Pi's own", () => {
    expect(readBy("pi5")).toContain("os_check=0");
  });

  test("moves the full UART to the header where Bluetooth has it: Zero 2 W, Pi 3 and Pi 4", () => {
    expect(readBy("pi02")).toContain("dtoverlay=disable-bt");
    expect(readBy("pi2")).not.toContain("dtoverlay=disable-bt");
    expect(readBy("pi3")).toContain("dtoverlay=disable-bt");
    expect(readBy("pi4")).toContain("dtoverlay=disable-bt");
    expect(readBy("pi5")).not.toContain("dtoverlay=disable-bt");
  });

  test("has the firmware hand its framebuffer to the kernel, on each board by the overlay that fits its tree", () => {
    for (const board of ["pi02", "pi2", "pi3"] as const) expect(readBy(board)).toContain("dtoverlay=screen");
    expect(readBy("pi4")).toContain("dtoverlay=screen");
    expect(readBy("pi5")).toContain("dtoverlay=screen-pi5");
  });

  test("makes a USB device of the port of Zero 2 W and Pi 4 in mode usb alone, and never of the controller that has Pi 3's Ethernet", () => {
    const overlay = "dtoverlay=dwc2,dr_mode=peripheral";
    expect(readBy("pi4", { usbDevice: true })).toContain(overlay);
    expect(readBy("pi4")).not.toContain(overlay);
    expect(readBy("pi02", { usbDevice: true })).toContain(overlay);
    expect(readBy("pi02")).not.toContain(overlay);
    expect(readBy("pi5", { usbDevice: true })).toContain("dtoverlay=dwc2-pi5");
    expect(readBy("pi3", { usbDevice: true }).join()).not.toContain("dwc2");
  });

  test("names no overlay that the bundle lacks", () => {
    const named = [...CONFIG_ROWS, ...USB_DEVICE_ROWS].flatMap(
      ({ line }) => /^dtoverlay=([\w-]+)/.exec(line)?.[1] ?? [],
    );
    expect(named.filter((name) => !OVERLAYS.some((overlay) => overlay.name === name))).toEqual([]);
  });

  test("names no command line that the boot tree lacks, and Pi 5's own on Pi 5 alone", () => {
    expect(readBy("pi5")).toContain(`cmdline=${CMDLINES[1].path}`);
    expect(readBy("pi3").join()).not.toContain("cmdline=");
    expect(readBy("pi4").join()).not.toContain("cmdline=");
  });

  test("has no line that the firmware would cut off", () => {
    const long = renderConfigTxt()
      .split("\n")
      .filter((line) => line.length > CONFIG_LINE_CHARS);
    expect(long).toEqual([]);
  });

  test("ends outside every section, so that a line added by hand holds for all boards", () => {
    expect(renderConfigTxt().trimEnd().split("\n").at(-1)).toBe("[all]");
  });
});
