import { expect, test } from "bun:test";
import { RepeatFilter } from "./repeat-filter.ts";

test("the same message is told once in its time, another at once", () => {
  let now = 0;
  const filter = new RepeatFilter(1000, () => now);
  expect([filter.isNew("a"), filter.isNew("a"), filter.isNew("b")]).toEqual([true, false, true]);
  now = 999;
  expect(filter.isNew("a")).toBe(false);
  now = 1000;
  expect(filter.isNew("a")).toBe(true);
  expect(filter.isNew("a")).toBe(false);
});

test("more messages than it remembers are told rather than kept", () => {
  const filter = new RepeatFilter(1000, () => 0);
  for (let i = 0; i < 1000; i += 1) expect(filter.isNew(`m${i}`)).toBe(true);
  expect(filter.isNew("m999")).toBe(false);
  expect(filter.isNew("m0")).toBe(true);
});
