import { expect, test } from "bun:test";
import fc from "fast-check";
import { NO_TRAFFIC, TrafficMeter } from "./traffic.ts";

const TARGET = "iqn.2026-01.test:disk";
const login = (id: number, bytesRead: number, bytesWritten: number) => ({
  id,
  targetName: TARGET,
  bytesRead,
  bytesWritten,
});

test("a pace is what came since the last look, and a target that falls silent is told once more", () => {
  const meter = new TrafficMeter(0);
  expect(meter.look([login(1, 0, 0)], 1000)).toEqual([]);
  expect(meter.look([login(1, 4096, 100)], 3000)).toEqual([TARGET]);
  expect(meter.of(TARGET)).toEqual({
    readBytes: 4096,
    writtenBytes: 100,
    readBytesPerSecond: 2048,
    writtenBytesPerSecond: 50,
  });
  expect(meter.look([login(1, 4096, 100)], 4000)).toEqual([TARGET]);
  expect(meter.of(TARGET).readBytesPerSecond).toBe(0);
  expect(meter.look([login(1, 4096, 100)], 5000)).toEqual([]);
});

test("a login that ends between two looks is counted to its last byte, and the next begins at nothing", () => {
  const meter = new TrafficMeter(0);
  meter.look([login(7, 1000, 0)], 1000);
  meter.ended(login(7, 1500, 0));
  meter.look([login(7, 200, 0)], 2000);
  expect(meter.of(TARGET).readBytes).toBe(1700);
});

test("a target that was removed is forgotten", () => {
  const meter = new TrafficMeter(0);
  meter.look([login(1, 10, 0)], 1000);
  meter.keep(() => false);
  expect(meter.of(TARGET)).toEqual(NO_TRAFFIC);
});

test("whenever one looks, the total is the sum of what every login moved", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ id: fc.integer({ min: 1, max: 3 }), steps: fc.array(fc.nat(1_000_000)) })),
      (logins) => {
        const meter = new TrafficMeter(0);
        let now = 0;
        let sum = 0;
        for (const { id, steps } of logins) {
          let read = 0;
          for (const step of steps) {
            read += step;
            meter.look([login(id, read, 0)], (now += 1000));
          }
          meter.ended(login(id, read, 0));
          sum += read;
        }
        meter.look([], now + 1000);
        expect(meter.of(TARGET).readBytes).toBe(sum);
      },
    ),
  );
});
