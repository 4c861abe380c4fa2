import { expect, test } from "bun:test";
import type { ApplianceEvent } from "../events.ts";
import { bootOf } from "./timeline.ts";

let id = 0;
const event = (
  stage: ApplianceEvent["stage"],
  state: ApplianceEvent["state"],
  fix: string | null = null,
): ApplianceEvent => ({
  id: ++id,
  at: 1000 * id,
  pi: "100000ab",
  stage,
  state,
  detail: `${stage} ${state}`,
  fix,
  fraction: null,
});

const states = (events: ApplianceEvent[]): string =>
  bootOf(events)
    .steps.map(({ state }) => ({ waiting: ".", "under-way": ">", ok: "o", fail: "x", skipped: "-" })[state])
    .join("");

test("a Pi that was never heard waits at every stage", () => {
  expect(states([])).toBe("........");
  expect(bootOf([]).startedAt).toBeUndefined();
});

test("a stage that began is under way until the next one begins", () => {
  expect(states([event("dhcp", "start")])).toBe(">.......");
  expect(states([event("dhcp", "start"), event("tftp", "progress")])).toBe("o>......");
});

test("a stage that was never told counts as skipped when a later one is reached", () => {
  expect(states([event("dhcp", "ok"), event("parameters", "start")])).toBe("o--->...");
});

test("a failure stands with its fix until something goes on", () => {
  const failed = [event("dhcp", "ok"), event("login", "fail", "Choose again")];
  expect(states(failed)).toBe("o----x..");
  expect(bootOf(failed).failure).toEqual({ detail: "login fail", fix: "Choose again" });
  expect(bootOf([...failed, event("login", "ok")]).failure).toBeUndefined();
});

test("asking for an address after the kernel ran is a new boot, another request of the firmware is not", () => {
  const firmware = [event("dhcp", "ok"), event("tftp", "ok"), event("dhcp", "start")];
  expect(states(firmware)).toBe(">o......".replace(">o", "oo"));
  const again = [...firmware, event("kernel", "ok"), event("handover", "ok"), event("dhcp", "start")];
  expect(states(again)).toBe(">.......");
});

test("it is done when the Pi's own system was handed over to", () => {
  expect(bootOf([event("handover", "ok")]).done).toBe(true);
  expect(bootOf([event("handover", "ok"), event("dhcp", "start")]).done).toBe(false);
});

test("events of the server's own work are no part of a boot", () => {
  expect(states([event("session", "ok"), event("image", "progress")])).toBe("........");
});

test("the stage of one mode alone is a step of the boots that said it, and of no other", () => {
  const stages = (events: ReturnType<typeof event>[]) => bootOf(events).steps.map(({ stage }) => stage);
  expect(stages([event("login", "ok")])).not.toContain("kexec");
  const own = [event("login", "ok"), event("kexec", "ok"), event("root", "start")];
  expect(stages(own)).toContain("kexec");
  expect(bootOf(own).steps.find(({ stage }) => stage === "kexec")?.state).toBe("ok");
  expect(bootOf(own).steps.find(({ stage }) => stage === "handover")?.state).toBe("waiting");
});
