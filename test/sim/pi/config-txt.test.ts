import { expect, test } from "bun:test";
import { readConfig } from "./config-txt.ts";

const PI3_PLUS = { filters: ["pi3", "pi3+"], serial: "000000005b154510" };

async function read(text: string, files: Record<string, string> = {}) {
  return readConfig(text, PI3_PLUS, async (path) => files[path]);
}

test("a setting outside every section holds, and the last line wins", async () => {
  const { settings } = await read("kernel=a.img\nkernel=b.img\n");
  expect(settings.get("kernel")).toBe("b.img");
});

test("a model section holds for its board alone and ends the model section before it", async () => {
  const { settings } = await read("[pi4]\nkernel=four\n[pi3]\nkernel=three\n[pi5]\narm_64bit=1\n");
  expect(Object.fromEntries(settings)).toEqual({ kernel: "three" });
});

test("[all] ends every section", async () => {
  const { settings } = await read("[none]\nkernel=a\n[pi4]\ncmdline=b\n[all]\narm_64bit=1\n");
  expect(Object.fromEntries(settings)).toEqual({ arm_64bit: "1" });
});

test("filters of different kinds hold together", async () => {
  expect((await read("[pi3]\n[0x5b154510]\nkernel=mine\n")).settings.get("kernel")).toBe("mine");
  expect((await read("[pi3]\n[0x5b154511]\nkernel=mine\n")).settings.get("kernel")).toBeUndefined();
});

test("an unknown section holds for nobody and is told of", async () => {
  const { settings, warnings } = await read("[pi33]\nkernel=a\n");
  expect(settings.size).toBe(0);
  expect(warnings).toEqual(["config.txt: no such section: [pi33]"]);
});

test("comments, blank lines and Windows line ends are passed over", async () => {
  const { settings, warnings } = await read("# kernel=a\r\n\r\n  kernel=b\r\n");
  expect(settings.get("kernel")).toBe("b");
  expect(warnings).toEqual([]);
});

test("spaces around the equals sign make a line that means nothing", async () => {
  const { settings, warnings } = await read("kernel = b\n");
  expect(settings.size).toBe(0);
  expect(warnings).toHaveLength(1);
});

test("a misspelt setting is told of", async () => {
  expect((await read("kernal=b\n")).warnings).toEqual(["config.txt: no such setting: kernal=b"]);
});

test("a line is cut after 98 characters", async () => {
  const { settings, warnings } = await read(`kernel=${"k".repeat(120)}\n`);
  expect(settings.get("kernel")).toHaveLength(91);
  expect(warnings).toHaveLength(1);
});

test("dtparam belongs to the overlay before it, and to the base device tree after an empty dtoverlay", async () => {
  const { overlays, parameters } = await read(
    "dtparam=spi=on\ndtoverlay=dwc2,dr_mode=host\ndtparam=x=1\ndtoverlay=\ndtparam=i2c=on\n",
  );
  expect(overlays).toEqual([{ name: "dwc2", parameters: ["dr_mode=host", "x=1"] }]);
  expect(parameters).toEqual(["spi=on", "i2c=on"]);
});

test("include reads the other file in the sections that hold, and one that includes itself ends", async () => {
  const files = { "a.txt": "kernel=a\n", "loop.txt": "include loop.txt\n" };
  expect((await read("include a.txt\n", files)).settings.get("kernel")).toBe("a");
  expect((await read("[pi4]\ninclude a.txt\n", files)).settings.size).toBe(0);
  expect((await read("include loop.txt\n", files)).warnings).toHaveLength(1);
});

test("initramfs has no equals sign and needs an address", async () => {
  expect((await read("initramfs a.cpio,b.cpio followkernel\n")).initramfs).toEqual(["a.cpio", "b.cpio"]);
  expect((await read("initramfs a.cpio\n")).warnings).toHaveLength(1);
});
