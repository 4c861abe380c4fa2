import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ADOPT_POLICIES, type BootFacts, type BootPolicy, decide } from "./decide.ts";
import type { Assignment } from "./pis/record.ts";
import { BLANK } from "./sessions/record.ts";

const chosen: Assignment = {
  image: "chosen",
  mode: "pivot",
  variant: "ethernet",
  persistent: false,
  readOnly: false,
};

function facts(
  change: Partial<Omit<BootFacts, "policy">> & { policy?: Partial<BootPolicy> } = {},
): BootFacts {
  return {
    pi: { key: "8d3fa2c1", assignment: null },
    shim: "ready",
    liveElsewhere: null,
    hasImage: (id) => id === "chosen" || id === "default",
    ...change,
    policy: { adopt: "ask", defaultImage: null, mode: "pivot", variant: "ethernet", ...change.policy },
  };
}

describe("an unknown Pi", () => {
  test("waits for a choice when the policy is to ask, and is told how to make one", () => {
    const plan = decide(facts());
    expect(plan.kind).toBe("ask");
    expect(plan).toHaveProperty("fix", "pinetboot pi assign 8d3fa2c1 --image IMAGE");
  });

  test("gets the default image, kept, when the policy is default", () => {
    expect(decide(facts({ policy: { adopt: "default", defaultImage: "default" } }))).toEqual({
      kind: "boot",
      assignment: { image: "default", mode: "pivot", variant: "ethernet", persistent: true, readOnly: false },
    });
  });

  test("waits for a choice when the policy is default and there is no default image", () => {
    expect(decide(facts({ policy: { adopt: "default" } })).kind).toBe("ask");
  });

  test("never gets a blank disk by default", () => {
    expect(decide(facts({ policy: { adopt: "default", defaultImage: BLANK } })).kind).toBe("ask");
  });

  test("is ignored when the policy is off", () => {
    expect(decide(facts({ policy: { adopt: "off", defaultImage: "default" } })).kind).toBe("ignore");
  });

  test("is ignored when too many wait already", () => {
    expect(decide(facts({ pi: undefined })).kind).toBe("ignore");
  });
});

describe("a Pi with a choice", () => {
  const pi = { key: "8d3fa2c1", assignment: chosen };

  test.each([...ADOPT_POLICIES])("boots it under --adopt %s", (adopt) => {
    expect(decide(facts({ pi, policy: { adopt, defaultImage: "default" } }))).toEqual({
      kind: "boot",
      assignment: chosen,
    });
  });

  test("is held while its disk is in use from another address", () => {
    const plan = decide(facts({ pi, liveElsewhere: "10.0.0.7" }));
    expect(plan.kind).toBe("hold");
    expect(plan).toHaveProperty("message", expect.stringContaining("10.0.0.7"));
  });

  test("is refused with the reason when its image is gone", () => {
    expect(decide(facts({ pi, hasImage: () => false })).kind).toBe("refuse");
  });
});

test.each([
  ["building", "being built"],
  ["missing", "no boot shim"],
] as const)("while the shim is %s no Pi is answered, and the reason says so", (shim, words) => {
  const plan = decide(facts({ shim, pi: { key: "8d3fa2c1", assignment: chosen } }));
  expect(plan).toEqual({ kind: "ignore", reason: expect.stringContaining(words), fix: expect.any(String) });
});

test("whatever the facts, a Pi boots only an image of the library and never blank", () => {
  fc.assert(
    fc.property(
      fc.record({
        pi: fc.option(
          fc.record({
            key: fc.constant("8d3fa2c1"),
            assignment: fc.option(
              fc.record({
                image: fc.constantFrom("chosen", "gone", BLANK),
                mode: fc.constant("pivot" as const),
                variant: fc.constant("ethernet" as const),
                persistent: fc.boolean(),
                readOnly: fc.boolean(),
              }),
            ),
          }),
          { nil: undefined },
        ),
        shim: fc.constantFrom("ready" as const, "running" as const, "building" as const, "missing" as const),
        liveElsewhere: fc.option(fc.constant("10.0.0.7")),
        policy: fc.record({
          adopt: fc.constantFrom(...ADOPT_POLICIES),
          defaultImage: fc.option(fc.constantFrom("default", "gone", BLANK)),
        }),
      }),
      (change) => {
        const all = facts(change);
        const plan = decide(all);
        if (plan.kind !== "boot") return;
        expect(["chosen", "default"]).toContain(plan.assignment.image);
        expect(["ready", "running"]).toContain(all.shim);
        expect(all.liveElsewhere).toBeNull();
      },
    ),
  );
});

test("a shim that asks is answered whether or not we have one to give", () => {
  const pi = { key: "8d3fa2c1", assignment: chosen };
  expect(decide(facts({ pi, shim: "running" })).kind).toBe("boot");
});
