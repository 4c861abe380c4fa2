import { expect, test } from "bun:test";
import { checkPath } from "./path.ts";

test.each([
  "cmdline.txt",
  "/cmdline.txt",
  "89abcdef//config.txt",
  "dc-a6-32-01-36-c2/start4.elf",
  "überlänge/..config",
  "a/.../b",
])("the name %p is of good form", (path) => {
  expect(() => checkPath(path)).not.toThrow();
});

test.each([
  ["..", 2],
  ["../etc/passwd", 2],
  ["a/../../b", 2],
  ["a/..", 2],
  ["a\\..\\b", 2],
  ["/a//..//b", 2],
  ["a\nb", 2],
  ["a\x7fb", 2],
  ["x".repeat(256), 2],
  ["ä".repeat(128), 2],
  ["", 4],
] as const)("the name %p is refused with ERROR %d", (path, code) => {
  expect(() => checkPath(path)).toThrow(expect.objectContaining({ code }));
});
