import { expect, test } from "bun:test";
import { Attempts } from "./attempts.ts";

test("after ten wrong keys an address waits, others do not, and a minute later it may again", () => {
  let now = 0;
  const attempts = new Attempts(() => now);
  for (let n = 0; n < 9; n++) attempts.failed("10.0.0.1");
  expect(attempts.waitSeconds("10.0.0.1")).toBe(0);
  attempts.failed("10.0.0.1");
  expect(attempts.waitSeconds("10.0.0.1")).toBe(60);
  expect(attempts.waitSeconds("10.0.0.2")).toBe(0);
  now = 60_000;
  expect(attempts.waitSeconds("10.0.0.1")).toBe(0);
  attempts.failed("10.0.0.1");
  expect(attempts.waitSeconds("10.0.0.1")).toBe(0);
});

test("a flood from ever new addresses is remembered within bounds", () => {
  const attempts = new Attempts(() => 0);
  for (let n = 0; n < 10; n++) attempts.failed("first");
  for (let n = 0; n < 5000; n++) attempts.failed(`other-${n}`);
  expect(attempts.waitSeconds("first")).toBe(0);
});
