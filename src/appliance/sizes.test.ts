import { expect, test } from "bun:test";
import { parseDuration, formatDuration } from "./durations.ts";
import { formatSize, parseSize } from "./sizes.ts";

test.each([
  ["1G", 2 ** 30],
  ["1g", 2 ** 30],
  ["1GiB", 2 ** 30],
  ["1.5G", 1.5 * 2 ** 30],
  ["512M", 512 * 2 ** 20],
  ["16T", 16 * 2 ** 40],
  ["1048577", 1_049_088],
])("%p is %d bytes, in whole sectors", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(["", "G", "-1G", "1X", "0", "1K", "17T", "1e9", "NaN", "Infinity", "1 000"])(
  "%p is no size of a disk",
  (text) => {
    expect(() => parseSize(text)).toThrow();
  },
);

test("sizes and times are said shortly", () => {
  expect([0, 512, 2 ** 20, 1.5 * 2 ** 30, 16 * 2 ** 40].map(formatSize)).toEqual([
    "0 B",
    "512 B",
    "1 MiB",
    "1.5 GiB",
    "16 TiB",
  ]);
  expect([900, 45_000, 600_000, 7_200_000].map(formatDuration)).toEqual(["1 s", "45 s", "10 min", "2 h"]);
});

test.each([
  ["90", 90_000],
  ["90s", 90_000],
  ["5m", 300_000],
  ["1.5h", 5_400_000],
  ["7d", 604_800_000],
])("%p is a time of %d ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(["", "m", "-5m", "5 minutes", "5x"])("%p is no time", (text) => {
  expect(() => parseDuration(text)).toThrow();
});
