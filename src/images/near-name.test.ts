import { describe, expect, test } from "bun:test";
import { nearName, withNearName } from "./near-name.ts";

const NAMES = ["blank", "raspios", "raspios-lite", "debian-12"];

describe("a name that there is none of", () => {
  test.each([
    ["raspois", "raspios"],
    ["RaspiOS", "raspios"],
    ["blnak", "blank"],
    ["debian-11", "debian-12"],
    ["deb", "debian-12"],
    ["rasp", "raspios"],
  ])("%p may have meant %p", (typed, meant) => {
    expect(nearName(typed, NAMES)).toBe(meant);
  });

  test.each(["", "ubuntu", "x", "a".repeat(500)])("%p is like none", (typed) => {
    expect(nearName(typed, NAMES)).toBeUndefined();
    expect(withNearName(typed, NAMES, "See the list.")).toBe("See the list.");
  });

  test("is asked about before the remedy", () => {
    expect(withNearName("blnk", NAMES, "See the list.")).toBe("Did you mean blank? See the list.");
  });
});
