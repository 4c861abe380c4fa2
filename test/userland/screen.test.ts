import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { describeWith } from "../support/tools.ts";
import { ShimShell } from "./shim-shell.ts";
import { terminalRows } from "./terminal-grid.ts";

interface Size {
  readonly columns: number;
  readonly rows: number;
}
const SMALL: Size = { columns: 80, rows: 30 };
/** 480p without a font of double size, 1080p with one, 1080p as the kernel has it, and the least that is drawn on. */
const SIZES: readonly Size[] = [
  SMALL,
  { columns: 120, rows: 33 },
  { columns: 240, rows: 67 },
  { columns: 60, rows: 24 },
];

describeWith(["busybox"], "the boot screen", () => {
  let shell: ShimShell;
  beforeEach(() => {
    shell = new ShimShell();
    shell.write("proc/uptime", "2.74 1.00\n");
    shell.write("state/screen/.keep", "");
  });
  afterEach(() => shell.dispose());

  /** The screen after a script. Each frame is written over the one before, as on the console. */
  const screenAfter = (script: string, size = SMALL): string[] => {
    const tty = shell.path("tty");
    shell.write("tty", "");
    const { errors } = shell.run(
      [
        `SCREEN='${tty}' SCREEN_COLUMNS=${size.columns} SCREEN_ROWS=${size.rows}`,
        `SCREEN_MESSAGES=$((SCREEN_ROWS / 8)) MODEL='Raspberry Pi 4 Model B Rev 1.4'`,
        "SERIAL=10000000ddb41a0c MAC=dc:a6:32:b4:1a:0c ADDRESS=192.168.1.104 SERVER=192.168.1.5:8069",
        `sleep() { :; }; value_put endpoint server laptop`,
        script,
      ].join("\n"),
    );
    expect(errors).toBe("");
    const written = readFileSync(tty, "utf8");
    // It shares the console with the kernel: a line end of its own would scroll the kernel's lines.
    expect(written).not.toContain("\n");
    return terminalRows(written, size.columns, size.rows);
  };
  test("it says who this Pi is, where it is, whom it asks, and how far it is", () => {
    const rows = screenAfter(
      `say kernel ok "Linux 7.3.4-pinetboot"; say network ok "eth0 has 192.168.1.104"; say parameters start asking`,
    );
    expect(rows[0]).toMatch(/^ pinetboot {2,}Raspberry Pi 4 Model B Rev 1\.4$/);
    expect(text(rows)).toContain("Serial 10000000ddb41a0c Address 192.168.1.104");
    expect(text(rows)).toContain("Code 1A0C MAC dc:a6:32:b4:1a:0c");
    expect(text(rows)).toContain("Server laptop (192.168.1.5:8069)");
    const stages = rows.filter((row) => row.startsWith("  [")).map((row) => row.slice(0, 32).trimEnd());
    expect(stages).toEqual([
      "  [ ok ] Boot shim",
      "  [ ok ] Network",
      "  [ >> ] Choice of disk",
      "  [    ] Disk over iSCSI",
      "  [    ] Root file system",
      "  [    ] Start of the system",
    ]);
    expect(rows.find((row) => row.includes("Boot shim"))).toMatch(/Linux 7\.3\.4-pinetboot {2,}2\.7 s$/);
  });

  test.each(SIZES)("nothing is cut that matters at %o", (size) => {
    const rows = screenAfter(
      `say login fail "nobody listens at 192.168.1.5:3260 (connection refused)" "start the iSCSI target there, or correct the port"`,
      size,
    );
    expect(text(rows)).toContain("nobody listens at 192.168.1.5:3260 (connection refused)");
    expect(text(rows)).toContain("What to do: start the iSCSI target there, or correct the port");
    expect(text(rows)).toContain("[STOP] Disk over iSCSI");
  });

  test("what stopped stays while it is tried again, with the seconds until then and the tries so far", () => {
    const fail = `say login fail "nobody listens" "start it"`;
    expect(text(screenAfter(`${fail}; screen_draw 7`))).toContain(
      "STOPPED: Disk over iSCSI trying again in 7 s",
    );
    const again = text(screenAfter(`${fail}; say parameters ok chosen; say login start "logging in"`));
    expect(again).toContain("[ >> ] Disk over iSCSI");
    expect(again).toContain("STOPPED: Disk over iSCSI trying again now nobody listens");
    expect(text(screenAfter(`${fail}; ${fail}; ${fail}`))).toContain("Tried 3 times");
  });

  test("it is gone as soon as that stage is done, and so is advice", () => {
    const mended = text(
      screenAfter(`say login fail "nobody listens" "start it"; say login ok "sda, 2000 MB"`),
    );
    expect(mended).not.toContain("nobody listens");
    expect(mended).not.toContain("STOPPED");
    const linked = text(
      screenAfter(`say network progress "no link" "check the cable"; say network ok "eth0"`),
    );
    expect(linked).not.toContain("check the cable");
  });

  test("a wait is no failure, but says what to do", () => {
    const rows = text(screenAfter(`say network progress "no link on eth0" "check the cable and the switch"`));
    expect(rows).toContain("Waiting no link on eth0 What to do: check the cable and the switch");
    expect(rows).not.toContain("STOP");
  });

  test("a Pi that nobody chose anything for shows where to choose and its code in large letters", () => {
    const script = `screen_choice "Open http://192.168.1.5:8080"; say parameters progress "waiting for a choice"`;
    const rows = screenAfter(script);
    expect(text(rows)).toContain("Choose an image for this Pi Open http://192.168.1.5:8080");
    const dots = rows.filter((row) => row.includes("█"));
    expect(dots).toHaveLength(7);
    // "1": its stem, its foot. Each letter is ten cells, and three blanks lie between two.
    expect(dots[0]?.slice(3, 13)).toBe("    ██    ");
    expect(dots[6]?.slice(3, 13)).toBe("  ██████  ");
    expect(dots.map((row) => row.slice(16, 26))).toEqual([
      "  ██████  ",
      "██      ██",
      "██      ██",
      "██████████",
      "██      ██",
      "██      ██",
      "██      ██",
    ]);
    expect(text(screenAfter(`${script}; say parameters ok "chosen"`))).not.toContain("Choose an image");
  });

  test("a small screen has the code in a line of its own", () => {
    const rows = screenAfter(`screen_choice "Open it"; say parameters progress waiting`, {
      columns: 60,
      rows: 24,
    });
    expect(text(rows)).toContain("This Pi is 1A0C");
  });

  test("other ways to start have rows of their own", () => {
    const rows = screenAfter(`value_put dhcp iscsi.mode usb; say login ok sda; say handover start offering`);
    expect(text(rows)).toContain("[ >> ] Disk over USB");
    expect(text(rows)).not.toContain("Root file system");
    const kexec = screenAfter(`say login ok sda; say kexec start "loading vmlinuz"`);
    expect(text(kexec)).toContain("[ >> ] The disk's own kernel");
    expect(text(kexec)).not.toContain("Root file system");
  });

  test("words from outside move nothing, and long ones are broken or cut at the edge", () => {
    const long = "x".repeat(300);
    const rows = screenAfter(`say login fail "$(printf '\\033[2J\\tone\\ntwo') ${long}" ${long}`);
    expect(rows[0]).toStartWith(" pinetboot");
    expect(text(rows)).toContain("[2J one two");
  });

  test("the last rows are left to the kernel", () => {
    const rows = screenAfter(`say login fail "${"word ".repeat(500)}" "${"more ".repeat(500)}"`);
    expect(rows.slice(27)).toEqual(["", "", ""]);
    expect(rows[26]).toMatch(/^ -+$/);
  });

  test("the serial line gets lines that are appended, the countdown as one", () => {
    const { said } = shell.run(
      `sleep() { :; }; say login fail "nobody listens" "start it"; retry_after_failure 10`,
    );
    expect(said).toBe(
      "[pinetboot] stage=login state=fail nobody listens - start it\n[pinetboot] trying again in 10 s\n",
    );
  });

  test("without a framebuffer there is no boot screen, and the console has lines", () => {
    shell.write("sys/class/tty/console/active", "tty0 ttyAMA0\n");
    expect(shell.run('say_open_consoles; echo "[$SCREEN]"').text).toBe("[]\n");
  });

  test("the code of a Pi is the end of its serial, else of its MAC", () => {
    expect(shell.run("SERIAL=10000000ddb41a0c; machine_code").text).toBe("1A0C");
    expect(shell.run("SERIAL= MAC=dc:a6:32:b4:1a:0f; machine_code").text).toBe("1A0F");
    expect(shell.run("SERIAL= MAC=; machine_code").text).toBe("");
  });
});

function text(rows: readonly string[]): string {
  return rows.join("\n").replaceAll(/\s+/g, " ");
}
