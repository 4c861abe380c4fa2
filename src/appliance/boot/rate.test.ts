import { expect, test } from "bun:test";
import { RateLimit } from "./rate.ts";

test("a peer may say a burst, then so much a second, and others are not touched", () => {
  let now = 0;
  const limit = new RateLimit(3, 1, () => now);
  expect([1, 2, 3, 4].map(() => limit.take("a"))).toEqual([true, true, true, false]);
  expect(limit.take("b")).toBe(true);
  now = 1000;
  expect([limit.take("a"), limit.take("a")]).toEqual([true, false]);
  now = 60_000;
  expect([1, 2, 3, 4].map(() => limit.take("a"))).toEqual([true, true, true, false]);
});
