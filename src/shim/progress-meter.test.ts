import { expect, test } from "bun:test";
import type { ShimProgress } from "./progress.ts";
import { ProgressMeter } from "./progress-meter.ts";

const STEPS = [
  { name: "fetch", weightSeconds: 100 },
  { name: "compile", weightSeconds: 900 },
];

function meterAt(): { meter: ProgressMeter; seen: ShimProgress[]; clock: { ms: number } } {
  const seen: ShimProgress[] = [];
  const clock = { ms: 0 };
  return {
    seen,
    clock,
    meter: new ProgressMeter(
      STEPS,
      (progress) => seen.push(progress),
      () => clock.ms,
    ),
  };
}

test("the first word already has the usual time of the whole build", () => {
  const { meter, seen } = meterAt();
  meter.at("fetch");
  expect(seen).toEqual([{ step: "fetch", fraction: 0, etaSeconds: 1000 }]);
});

test("a machine that takes twice the usual time gets nearly twice the estimate", () => {
  const { meter, seen, clock } = meterAt();
  clock.ms = 1_100_000;
  meter.at("compile", 0.5);
  expect(seen[0]?.fraction).toBeCloseTo(0.55);
  expect(seen[0]?.etaSeconds).toBeGreaterThan(750);
  expect(seen[0]?.etaSeconds).toBeLessThan(900);
});

test("the fraction never goes back", () => {
  const { meter, seen } = meterAt();
  meter.at("compile", 0.9);
  meter.at("compile", 0.2);
  expect(seen[1]?.fraction).toBe(seen[0]?.fraction ?? -1);
});

test("a step that an earlier build has done most of counts for little", () => {
  const { meter, seen } = meterAt();
  meter.expect("compile", 10);
  meter.at("compile");
  expect(seen[0]).toEqual({ step: "compile", fraction: 100 / 110, etaSeconds: 5 });
});
