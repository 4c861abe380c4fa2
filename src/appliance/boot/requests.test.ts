import { expect, test } from "bun:test";
import fc from "fast-check";
import { DETAIL_MAX_CHARS } from "../events.ts";
import { parseCaller, parseReport } from "./requests.ts";

test("a shim is known by serial, MAC and boot id", () => {
  const words = new URLSearchParams(
    "serial=100000008D3FA2C1&mac=DC:A6:32:01:36:C2&boot=5f2c-11&model=Raspberry%20Pi%204",
  );
  expect(parseCaller(words)).toEqual({
    serial: "100000008d3fa2c1",
    mac: "dc:a6:32:01:36:c2",
    bootId: "5f2c-11",
    model: "Raspberry Pi 4",
  });
});

test.each(["mac=dc:a6:32:01:36:c2", "boot=1", "serial=xyz&boot=1", "mac=dc&boot=1", "serial=&mac=&boot=1"])(
  "%p names nobody",
  (query) => {
    expect(parseCaller(new URLSearchParams(query))).toBeUndefined();
  },
);

test("a report of an unknown stage or state is none", () => {
  expect(parseReport(new URLSearchParams("stage=server&state=ok"))).toBeUndefined();
  expect(parseReport(new URLSearchParams("stage=login&state=great"))).toBeUndefined();
  expect(parseReport(new URLSearchParams("stage=login&state=ok&detail=x"))).toEqual({
    stage: "login",
    state: "ok",
    detail: "x",
    fix: null,
  });
});

test("whatever the network says ends as one line of bounded length", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 2000 }), (detail) => {
      const report = parseReport(
        new URLSearchParams([
          ["stage", "root"],
          ["state", "fail"],
          ["detail", detail],
        ]),
      );
      expect(report?.detail.length).toBeLessThanOrEqual(DETAIL_MAX_CHARS);
      expect(report?.detail).not.toMatch(/\p{Cc}|\u2028|\u2029/u);
    }),
  );
});
