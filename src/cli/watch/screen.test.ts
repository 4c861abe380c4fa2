import { describe, expect, test } from "bun:test";
import { type Known, watchScreen } from "./screen.ts";

const terminal = { columns: 80, rows: 24, colour: false, now: Date.parse("2026-01-01T12:00:10Z") };

const pi: Known["pis"][number] = {
  code: "1A0C",
  key: "abcdef12",
  label: null,
  group: null,
  serial: "10000000abcdef12",
  mac: "dc:a6:32:01:02:03",
  model: "Raspberry Pi 4 Model B",
  address: "192.168.1.20",
  assignment: {
    image: "a".repeat(64),
    mode: "pivot",
    variant: "ethernet",
    persistent: true,
    read_only: false,
  },
  first_seen: "2026-01-01T12:00:00.000Z",
  last_seen: "2026-01-01T12:00:05.000Z",
  latest: null,
  sessions: [],
  fenced: false,
};

const event = (id: number, change: Partial<Known["events"][number]>): Known["events"][number] => ({
  id,
  at: terminal.now,
  pi: pi.key,
  stage: "dhcp",
  state: "ok",
  detail: "Answered",
  fix: null,
  fraction: null,
  ...change,
});

const known: Known = {
  pis: [pi],
  sessions: [],
  images: [],
  health: {
    status: "ok",
    version: "1",
    serving: true,
    page: null,
    services: { iscsi: null, tftp: null, report: null },
    shim: { state: "ready", step: null, fraction: null, eta_seconds: null },
    problems: [],
  },
  events: [],
};

describe("the screen of watch", () => {
  test("tells how far each Pi is and what was heard last", () => {
    const events = [event(1, {}), event(2, { stage: "tftp", state: "progress", detail: "start4.elf" })];
    const text = watchScreen({ ...known, events }, terminal).join("\n");
    expect(text).toContain("abcdef12 Raspberry Pi 4 Model B");
    expect(text).toContain("✓ dhcp  ▸ tftp  · kernel");
    expect(text).toContain("  start4.elf");
  });

  test("says why a Pi stopped and what to do", () => {
    const events = [event(1, { stage: "login", state: "fail", detail: "Refused", fix: "Choose again." })];
    const text = watchScreen({ ...known, events }, terminal).join("\n");
    expect(text).toContain("✗ login");
    expect(text).toContain("  Refused. Choose again.");
  });

  test("tells a person without Pis what to do, and one with an unknown Pi how to choose", () => {
    expect(watchScreen({ ...known, pis: [] }, terminal).join("\n")).toContain("Switch one on");
    const unknown = { ...known, pis: [{ ...pi, assignment: null }] };
    expect(watchScreen(unknown, terminal).join("\n")).toContain("pinetboot pi assign abcdef12 --image IMAGE");
  });

  test("fits the terminal, however much there is to say and in colour too", () => {
    const pis = Array.from({ length: 30 }, (_, n) => ({ ...pi, key: `abcdef${n + 10}` }));
    const events = Array.from({ length: 100 }, (_, n) => event(n, { detail: "x".repeat(300) }));
    for (const colour of [false, true]) {
      const lines = watchScreen({ ...known, pis, events }, { ...terminal, columns: 60, colour });
      expect(lines.length).toBeLessThanOrEqual(24);
      // oxlint-disable-next-line no-control-regex
      for (const line of lines) expect(line.replaceAll(/\u001b\[\d+m/g, "").length).toBeLessThanOrEqual(60);
    }
  });

  test("a line cut inside a colour ends the colour", () => {
    const events = [event(1, { state: "fail", detail: "y".repeat(300) })];
    const lines = watchScreen({ ...known, events }, { ...terminal, columns: 40, colour: true });
    expect(lines.some((line) => line.includes("yyy"))).toBe(true);
    // oxlint-disable-next-line no-control-regex
    for (const line of lines) expect(line).not.toMatch(/\u001b\[[1-9]\d*m(?!.*\u001b\[0m)/);
  });

  test("calls a Pi by its name, and is readable where it is narrow", () => {
    const events = [
      event(1, {}),
      event(2, {
        stage: "login",
        state: "fail",
        detail: "The password of this Pi is refused",
        fix: "Switch it off and on again.",
      }),
    ];
    const lines = watchScreen(
      { ...known, pis: [{ ...pi, label: "rack3-left" }], events },
      { ...terminal, columns: 40 },
    );
    expect(lines.join("\n")).toContain("abcdef12 rack3-left");
    expect(lines).toContain("  ✓----✗·· login");
    expect(lines.slice(4, 6)).toEqual([
      "  The password of this Pi is refused.",
      "  Switch it off and on again.",
    ]);
  });

  test("has a line for each of many Pis, those heard last first, and says how many are left over", () => {
    const pis = Array.from({ length: 30 }, (_, index) => ({
      ...pi,
      key: `abcdef${10 + index}`,
      last_seen: new Date(terminal.now + index * 1000).toISOString(),
    }));
    const lines = watchScreen({ ...known, pis }, terminal);
    expect(lines).toHaveLength(terminal.rows);
    expect(lines[2]).toStartWith("abcdef39  ········  not heard");
    expect(lines.at(-1)).toBe("and 9 more: pinetboot pi list");
  });

  test("says that the server went away, and keeps what was known", () => {
    const text = watchScreen({ ...known, isGone: true }, terminal).join("\n");
    expect(text).toContain("The server went away");
    expect(text).toContain("abcdef12");
  });
});
