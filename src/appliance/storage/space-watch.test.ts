import { expect, test } from "bun:test";
import { type ApplianceEvent, EventLog } from "../events.ts";
import { type HostSpace, type SpaceLevel, spaceLevel } from "./host-space.ts";
import { watchSpace } from "./space-watch.ts";

const GIB = 2 ** 30;

test("a warning comes at a tenth and at three hundredths of a small disk, at fixed amounts of a large one", () => {
  const small = (freeBytes: number) => spaceLevel({ sizeBytes: 10 * GIB, freeBytes }, "enough");
  expect([small(GIB), small(GIB - 1), small(0.3 * GIB - 1)]).toEqual(["enough", "low", "very low"]);
  const large = (freeBytes: number) => spaceLevel({ sizeBytes: 4096 * GIB, freeBytes }, "enough");
  expect([large(10 * GIB), large(10 * GIB - 1), large(2 * GIB - 1)]).toEqual(["enough", "low", "very low"]);
});

test("a level is left only with some room to spare, so that a disk at the edge is no stream of warnings", () => {
  const at = (freeBytes: number, before: SpaceLevel) =>
    spaceLevel({ sizeBytes: 10 * GIB, freeBytes }, before);
  expect(at(1.1 * GIB, "low")).toBe("low");
  expect(at(1.21 * GIB, "low")).toBe("enough");
  expect(at(0.35 * GIB, "very low")).toBe("very low");
  expect(at(0.37 * GIB, "very low")).toBe("low");
});

test("each step down is told once with what to do, and the way back too", async () => {
  const frees = [5, 0.9, 0.9, 0.1, 0.1, 5, 5].map((gib) => gib * GIB);
  const events = new EventLog();
  const told: ApplianceEvent[] = [];
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  events.listen((event) => told.push(event));
  const stop = watchSpace({
    folder: "/",
    events,
    everyMs: 1,
    look: async (): Promise<HostSpace> => {
      const freeBytes = frees.shift();
      if (freeBytes === undefined) resolve();
      return { sizeBytes: 10 * GIB, freeBytes: freeBytes ?? 5 * GIB };
    },
  });
  await ended;
  stop();
  expect(told.map(({ state, detail }) => [state, detail.slice(0, 40)])).toEqual([
    ["fail", "The room for the data folder is low: 921"],
    ["fail", "The room for the data folder is very low"],
    ["ok", "There is more room for the data folder a"],
  ]);
  expect(told[0]?.fix).toContain("image df");
});
