import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseRequestedFile } from "./file-names.ts";

test.each([
  ["8d3fa2c1/config.txt", { kind: "serial", key: "8d3fa2c1" }, "config.txt"],
  ["8D3FA2C1/config.txt", { kind: "serial", key: "8d3fa2c1" }, "config.txt"],
  ["8d3fa2c1//config.txt", { kind: "serial", key: "8d3fa2c1" }, "config.txt"],
  ["dc-a6-32-01-36-c2/start4.elf", { kind: "mac", mac: "dc:a6:32:01:36:c2" }, "start4.elf"],
  ["DC-A6-32-01-36-C2/start4.elf", { kind: "mac", mac: "dc:a6:32:01:36:c2" }, "start4.elf"],
  ["bootcode.bin", { kind: "none" }, "bootcode.bin"],
  ["/bootcode.bin", { kind: "none" }, "bootcode.bin"],
  ["overlays/overlay_map.dtb", { kind: "none" }, "overlays/overlay_map.dtb"],
  ["8d3fa2c1/overlays/disable-bt.dtbo", { kind: "serial", key: "8d3fa2c1" }, "overlays/disable-bt.dtbo"],
  ["8d3fa2c/config.txt", { kind: "none" }, "8d3fa2c/config.txt"],
  ["", { kind: "none" }, ""],
] as const)("%p is told apart into who asks and what for", (name, prefix, path) => {
  expect(parseRequestedFile(name)).toEqual({ prefix, path });
});

test("no name has an empty segment left or begins with a slash", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("a", "/", ".", "8", "d", "-") }), (name) => {
      expect(parseRequestedFile(name).path).not.toMatch(/^\/|\/\/|\/$/);
    }),
  );
});
