import { expect, test } from "bun:test";
import { DETAIL_MAX_CHARS, EventLog, EVENTS_KEPT, type ApplianceEvent } from "./events.ts";

const step = { stage: "login", state: "ok", detail: "x" } as const;

test("ids grow by one, and a later start of the server begins above an earlier one", () => {
  const first = new EventLog(() => 1_000_000);
  expect([first.emit(step).id, first.emit(step).id]).toEqual([1_000_000, 1_000_001]);
  expect(new EventLog(() => 1_005_000).emit(step).id).toBeGreaterThan(1_000_001);
});

test("a replay gives what came after an id, in order", () => {
  const log = new EventLog(() => 5);
  const events = ["a", "b", "c"].map((detail) => log.emit({ ...step, detail }));
  expect(log.since(events[0]?.id).map(({ detail }) => detail)).toEqual(["b", "c"]);
  expect(log.since().map(({ detail }) => detail)).toEqual(["a", "b", "c"]);
});

test("whoever missed what is not kept any more, or stood in another start of the server, is told so", () => {
  const log = new EventLog(() => 1000);
  expect([log.hasLost(999), log.hasLost(998), log.hasLost(1000)]).toEqual([false, true, true]);
  for (let count = 0; count < EVENTS_KEPT; count++) log.emit(step);
  expect([log.hasLost(999), log.hasLost(1000 + EVENTS_KEPT - 1)]).toEqual([false, false]);
  log.emit(step);
  // The first one of all has gone: who has it misses nothing.
  expect([log.hasLost(999), log.hasLost(1000)]).toEqual([true, false]);
});

test("only the latest are kept", () => {
  const log = new EventLog();
  for (let index = 0; index < EVENTS_KEPT + 10; index++) log.emit({ ...step, detail: String(index) });
  expect(log.since()).toHaveLength(EVENTS_KEPT);
  expect(log.since()[0]?.detail).toBe("10");
  // What has left the ring has happened all the same.
  expect(log.counts()).toEqual([{ stage: "login", state: "ok", count: EVENTS_KEPT + 10 }]);
});

test("listeners hear everything until they stop", () => {
  const log = new EventLog();
  const heard: ApplianceEvent[] = [];
  const stop = log.listen((event) => heard.push(event));
  log.emit(step);
  stop();
  log.emit(step);
  expect(heard).toHaveLength(1);
});

test("text from the network is cut and can neither break a line nor move a cursor", () => {
  const { detail } = new EventLog().emit({
    ...step,
    detail: `a\nb\u001b[2Jc\u2028d\u202e${"e".repeat(9999)}`,
  });
  expect(detail).toStartWith("a b [2Jc d e");
  expect(detail.length).toBe(DETAIL_MAX_CHARS);
});

test("the latest event of a Pi is found", () => {
  const log = new EventLog();
  log.emit({ ...step, pi: "a", detail: "old" });
  log.emit({ ...step, pi: "a", detail: "new" });
  log.emit({ ...step, pi: "b" });
  expect(log.latestOf("a")?.detail).toBe("new");
  expect(log.latestOf("c")).toBeUndefined();
});
