/** The order in which each model asks for its files, against a folder in memory. */
import { expect, test } from "bun:test";
import { BOARD_FILES } from "../boards.ts";
import { type FileSource, FirmwareStop } from "../files.ts";
import { type Model, PROFILES } from "../profiles.ts";
import type { LoadedOs, Machine } from "./load-os.ts";
import { runPi3 } from "./pi3.ts";
import { runPi4 } from "./pi4.ts";
import { runPi5 } from "./pi5.ts";

const PREFIX = "5b154510/";
const ELF = "\u007fELF";
const KERNEL = `${"\0".repeat(56)}ARM\u0064${"\0".repeat(8)}`;
const CONFIG = "arm_64bit=1\nkernel=Image\nupstream_kernel=1\n";

/** Files in memory; `asked` gets every request, "?" marks a probe and "-" a missing file. */
function folder(files: Readonly<Record<string, string>>): FileSource & { readonly asked: string[] } {
  const asked: string[] = [];
  const find = (path: string, mark: string): Uint8Array | undefined => {
    // TFTP servers join doubled slashes as file systems do.
    const text = files[path.replaceAll("//", "/")];
    asked.push(`${text === undefined ? "-" : ""}${path}${mark}`);
    return text === undefined ? undefined : new TextEncoder().encode(text);
  };
  return {
    asked,
    get: async (path) => find(path, ""),
    probe: async (path) => find(path, "?") !== undefined,
  };
}

function machine(model: Model, chip: Machine["chip"]): Machine {
  const facts = { filters: PROFILES[model].filters, serial: "000000005b154510" };
  return { facts, files: BOARD_FILES[model], chip, overlayName: async (_map, name) => name };
}

function under(prefix: string, files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [`${prefix}${path}`, text]));
}

async function runPi3b(tree: Readonly<Record<string, string>>): Promise<LoadedOs> {
  return runPi3(folder(tree), machine("pi3b", "bcm2835"), PREFIX);
}

const PI3_FILES = {
  "config.txt": CONFIG,
  "cmdline.txt": "quiet",
  "start.elf": ELF,
  "fixup.dat": "f",
  "bcm2837-rpi-3-b.dtb": "tree",
  Image: KERNEL,
};
const PI4_FILES = {
  ...PI3_FILES,
  "start4.elf": ELF,
  "fixup4.dat": "f",
  "bcm2711-rpi-4-b.dtb": "tree",
};
const PI5_FILES = {
  "config.txt": CONFIG,
  "cmdline.txt": "quiet",
  "bcm2712-rpi-5-b.dtb": "tree",
  Image: KERNEL,
};

test("a Pi 3 takes everything below its serial, the mainline device tree first", async () => {
  const files = folder(under(PREFIX, PI3_FILES));
  const os = await runPi3(files, machine("pi3b", "bcm2835"), PREFIX);
  expect(os.deviceTreeName).toBe("bcm2837-rpi-3-b.dtb");
  expect(files.asked.filter((path) => !path.includes(PREFIX))).toEqual([]);
  expect(files.asked.slice(0, 5)).toEqual([
    `${PREFIX}start.elf?`,
    `-${PREFIX}autoboot.txt`,
    `${PREFIX}config.txt`,
    `-${PREFIX}recovery.elf`,
    `${PREFIX}start.elf?`,
  ]);
});

test("a Pi 4 without a folder of its own looks for both firmwares there, then goes without the prefix", async () => {
  const files = folder(PI4_FILES);
  await runPi4(files, machine("pi4", "bcm2711"), PREFIX);
  expect(files.asked.slice(0, 3)).toEqual([`-${PREFIX}start4.elf?`, `-${PREFIX}start.elf?`, "config.txt"]);
});

test("a Pi 5 asks with doubled slashes and never for start.elf", async () => {
  const files = folder(under(PREFIX, PI5_FILES));
  await runPi5(files, machine("pi5", "bcm2712"), PREFIX);
  expect(files.asked).toContain(`${PREFIX}/config.txt`);
  expect(files.asked).toContain(`${PREFIX}/cmdline.txt`);
  expect(files.asked.filter((path) => path.includes("start"))).toEqual([]);
});

test("a Pi 3 without upstream_kernel takes its own device tree, and with it adds the overlay to that one", async () => {
  const own = { ...PI3_FILES, "bcm2710-rpi-3-b.dtb": "own", "overlays/upstream.dtbo": "overlay" };
  const plain = { ...own, "config.txt": "arm_64bit=1\nkernel=Image\n" };
  const { "bcm2837-rpi-3-b.dtb": _mainline, ...onlyOwn } = own;
  expect((await runPi3b(plain)).deviceTreeName).toBe("bcm2710-rpi-3-b.dtb");
  expect((await runPi3b(plain)).overlays).toEqual([]);
  expect((await runPi3b(onlyOwn)).overlays.map(({ name }) => name)).toEqual(["upstream"]);
});

test("an OS prefix counts only when kernel and device tree are both below it", async () => {
  const config = `${CONFIG}os_prefix=os/\n`;
  const half = { ...PI3_FILES, "config.txt": config, "os/Image": "not even a kernel" };
  const os = await runPi3b(half);
  expect(os.kernel.length).toBe(KERNEL.length);
});

test.each([
  ["the kernel's name is wrong", { "config.txt": "arm_64bit=1\nkernel=Imago\nupstream_kernel=1\n" }],
  ["the device tree is missing", { "config.txt": `${CONFIG}device_tree=none.dtb\n` }],
  ["a Pi 3 is not told to be 64-bit", { "config.txt": "kernel=Image\nupstream_kernel=1\n" }],
  ["the kernel is none", { Image: "text" }],
  ["start.elf is none", { "start.elf": "text" }],
  ["a named armstub is missing", { "config.txt": `${CONFIG}armstub=stub.bin\n` }],
] as Array<[string, Record<string, string>]>)("the boot stops when %s", async (_why, change) => {
  const stop = await runPi3b({ ...PI3_FILES, ...change }).catch((error: unknown) => error);
  expect(stop).toBeInstanceOf(FirmwareStop);
});
