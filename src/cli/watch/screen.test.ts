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
    expect(text).toContain("  Refused Choose again.");
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
    for (const line of lines.filter((one) => one.includes("\u001b["))) expect(line).toEndWith("\u001b[0m");
  });
});
