import { describe, expect, test } from "bun:test";
import type { KnownPi } from "./pi-text.ts";
import { piLines } from "./pi-text.ts";

const AT = Date.parse("2026-01-01T12:00:10Z");
const terminal = { now: AT + 60_000, colour: false };

const pi: KnownPi["pi"] = {
  code: "1A0C",
  key: "abcdef12",
  label: "rack3-left",
  group: "lab",
  serial: "10000000abcdef12",
  mac: "dc:a6:32:01:02:03",
  model: "Raspberry Pi 4 Model B",
  address: "192.168.1.20",
  assignment: {
    image: "a".repeat(64),
    mode: "pivot",
    variant: "ethernet",
    persistent: false,
    read_only: false,
  },
  first_seen: "2026-01-01T12:00:00.000Z",
  last_seen: "2026-01-01T12:00:10.000Z",
  latest: null,
  sessions: [],
  fenced: false,
};

const known: KnownPi = { pi, image: "raspios", disks: [], events: [], isServed: true };

const event = (
  id: number,
  seconds: number,
  change: Partial<KnownPi["events"][number]>,
): KnownPi["events"][number] => ({
  id,
  at: AT + seconds * 1000,
  pi: pi.key,
  stage: "dhcp",
  state: "ok",
  detail: "Answered",
  fix: null,
  fraction: null,
  ...change,
});

describe("one Pi as text", () => {
  test("has what it is, what it boots, and each stage with its time", () => {
    const events = [event(1, 0, {}), event(2, 2.5, { stage: "kernel", detail: "Started" })];
    const text = piLines({ ...known, events }, terminal).join("\n");
    for (const words of [
      "Pi abcdef12 (rack3-left)",
      "Raspberry Pi 4 Model B",
      "1A0C on its screen",
      "192.168.1.20",
      "raspios (mode pivot, each boot begins with the image)",
      "Coming up",
      "✓ dhcp          0.0 s  Answered",
      "- tftp",
      "✓ kernel        2.5 s  Started",
      "· root",
    ])
      expect(text).toContain(words);
  });

  test("says why it stopped, and what to do", () => {
    const failure = {
      stage: "login",
      state: "fail",
      detail: "The password is refused",
      fix: "Restart it",
    } as const;
    const lines = piLines({ ...known, events: [event(1, 0, {}), event(2, 1, failure)] }, terminal);
    expect(lines.join("\n")).toContain("Stopped:");
    expect(lines.slice(-2)).toEqual(["The password is refused", "  -> Restart it"]);
  });

  test("says that it is up, and after how long", () => {
    const events = [event(1, 0, {}), event(2, 12.3, { stage: "handover" })];
    expect(piLines({ ...known, events }, terminal).join("\n")).toContain("Up after 12.3 s");
  });

  test("tells how to choose for one without an image, and what nobody can know without a server", () => {
    const lines = piLines({ ...known, pi: { ...pi, assignment: null }, isServed: false }, terminal);
    expect(lines.join("\n")).toContain("pinetboot pi assign abcdef12 --image IMAGE");
    expect(lines.at(-1)).toContain("No server runs");
  });

  test("has no colour where none is wanted, and its signs have one where it is", () => {
    const events = [event(1, 0, {})];
    expect(piLines({ ...known, events }, terminal).join("\n")).not.toContain("\u001b");
    expect(piLines({ ...known, events }, { ...terminal, colour: true }).join("\n")).toContain("\u001b[32m✓");
  });
});
