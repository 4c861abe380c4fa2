import { expect, test } from "bun:test";
import { UNANSWERED_MAX, UnansweredLog } from "./unanswered.ts";

const refusal = { service: "DHCP", who: "52:54:00:00:00:01", reason: "it is no Pi" };

test("one that asks again is one row with the latest reason, and is gone once it is answered", () => {
  let now = 1000;
  const log = new UnansweredLog(() => now);
  log.note({ ...refusal, name: "laptop" });
  now = 2000;
  log.note({ ...refusal, reason: "another reason" });
  log.note({ ...refusal, who: "52:54:00:00:00:02" });
  expect(log.all()).toMatchObject([
    { who: "52:54:00:00:00:02", times: 1 },
    { name: "laptop", reason: "another reason", times: 2, firstAt: 1000, lastAt: 2000 },
  ]);
  log.answered("DHCP", refusal.who);
  expect(log.all().map(({ who }) => who)).toEqual(["52:54:00:00:00:02"]);
});

test("names lose what could move a cursor, turn text around or fill a screen", () => {
  const log = new UnansweredLog();
  log.note({ ...refusal, name: "\u001b[2Jpi\u202egnp\u0000", vendor: "x".repeat(5000) });
  const [row] = log.all();
  expect(row?.name).toBe("[2Jpi gnp");
  expect(row?.vendor?.length).toBe(64);
});

test("a sender that makes addresses up pushes the oldest out, and nothing grows", () => {
  const log = new UnansweredLog();
  for (let index = 0; index < UNANSWERED_MAX + 50; index += 1) log.note({ ...refusal, who: `mac ${index}` });
  expect(log.all()).toHaveLength(UNANSWERED_MAX);
  expect(log.all().at(-1)?.who).toBe("mac 50");
});
