import { expect, test } from "bun:test";
import { wantedRange } from "./ranges.ts";

test.each([
  [undefined, { kind: "whole" }],
  ["bytes=0-0", { kind: "part", from: 0, to: 1 }],
  ["bytes=10-19", { kind: "part", from: 10, to: 20 }],
  ["bytes=90-", { kind: "part", from: 90, to: 100 }],
  ["bytes=90-1000", { kind: "part", from: 90, to: 100 }],
  ["bytes=-30", { kind: "part", from: 70, to: 100 }],
  ["bytes=-1000", { kind: "part", from: 0, to: 100 }],
  ["bytes=100-", { kind: "unsatisfiable" }],
  ["bytes=-0", { kind: "unsatisfiable" }],
  ["bytes=5-4", { kind: "whole" }],
  ["bytes=0-1,5-6", { kind: "whole" }],
  ["bytes=-", { kind: "whole" }],
  ["lines=1-2", { kind: "whole" }],
] as const)("%p of 100 bytes", (header, wanted) => {
  expect(wantedRange(header, 100)).toEqual(wanted);
});
