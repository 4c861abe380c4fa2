import { expect, test } from "bun:test";
import { BOARD_FILES } from "./boards.ts";
import { makeCommandLine } from "./cmdline.ts";
import { FirmwareStop } from "./files.ts";

const PARTS = { deviceTree: "", file: "quiet\n", mac: "b8:27:eb:15:45:10", serial0: "ttyAMA0" };

test("the firmware's own words stand before those of cmdline.txt", () => {
  expect(makeCommandLine(BOARD_FILES.pi3b, { ...PARTS, deviceTree: "a=1" })).toBe(
    "a=1 smsc95xx.macaddr=B8:27:EB:15:45:10 vc_mem.mem_base=0x3ec00000 vc_mem.mem_size=0x40000000 quiet",
  );
});

test("serial0 becomes the board's UART, wherever it stands, and nothing else does", () => {
  const line = makeCommandLine(BOARD_FILES.pi3b, { ...PARTS, file: "console=serial0,115200 x=serial0\n" });
  expect(line).toEndWith(" console=ttyAMA0,115200 x=serial0");
});

test("only the first line counts", () => {
  expect(makeCommandLine(BOARD_FILES.pi3b, { ...PARTS, file: "one\ntwo\n" })).toEndWith(" one");
});

test("a line longer than the kernel reads stops the boot", () => {
  expect(() => makeCommandLine(BOARD_FILES.pi3b, { ...PARTS, file: "x".repeat(2000) })).toThrow(FirmwareStop);
});
