import { expect, test } from "bun:test";
import { agoWords, secondsWords, sizeWords } from "./words.ts";

test("sizes have at most four digits and never read 1024 of the smaller unit", () => {
  expect([0, 999, 2 ** 20 - 1, 2 ** 20, 1.5 * 2 ** 30, 16 * 2 ** 30, 512 * 2 ** 30].map(sizeWords)).toEqual([
    "0 B",
    "999 B",
    "1.0 MiB",
    "1.0 MiB",
    "1.5 GiB",
    "16.0 GiB",
    "512 GiB",
  ]);
});

test("times grow from seconds over minutes to hours", () => {
  expect([8, 89, 90, 5399, 7200].map(secondsWords)).toEqual(["8 s", "89 s", "2 min", "90 min", "2 h"]);
});

test("what happened just now, or by a clock that runs ahead, is now", () => {
  expect(agoWords(10_000, 12_000)).toBe("now");
  expect(agoWords(20_000, 12_000)).toBe("now");
  expect(agoWords(0, 60_000)).toBe("60 s ago");
});
