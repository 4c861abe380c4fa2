import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { C_SOURCES } from "../../src/shim/userland/sources.ts";
import { describeWith } from "../support/tools.ts";
import { ShimShell, type ShellResult } from "./shim-shell.ts";

const GADGET = "sys/kernel/config/usb_gadget/pinetboot";
const LUN_FILE = `${GADGET}/functions/mass_storage.disk/lun.0/file`;

describeWith(["gcc", "fsck.fat", "mdir", "mtype", "busybox"], "the help disk", () => {
  let dir: string;
  let program: string;
  let shell: ShimShell;

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "pinetboot-help-disk-"));
    program = join(dir, "helpdisk");
    writeFileSync(join(dir, "helpdisk.c"), C_SOURCES["helpdisk.c"] ?? "");
    must([
      "gcc",
      "-std=gnu99",
      "-D_GNU_SOURCE",
      "-Wall",
      "-Wextra",
      "-Werror",
      "-o",
      program,
      `${program}.c`,
    ]);
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  beforeEach(() => {
    shell = new ShimShell();
    shell.program("helpdisk", `exec '${program}' "$@"`);
    shell.program(
      "dmesg",
      'echo \'Kernel command line: iscsi.password="se cret" wifi.psk=hidden "iscsi.password_in=mutu al" x=1\'',
    );
    // A file system takes the attributes away with their folder.
    shell.program("rmdir", 'rm -rf "$@"');
    shell.write("sys/kernel/config/usb_gadget/.keep", "");
    shell.write("sys/class/udc/fe980000.usb/state", "configured\n");
    shell.write("sys/class/net/eth0/type", "1\n");
    shell.write("sys/class/net/eth0/device/.keep", "");
    shell.write("sys/class/net/eth0/carrier", "1\n");
    shell.write("keep/lease/serverid", "192.168.1.1");
    shell.write("keep/lease/router", "192.168.1.254");
    shell.write("keep/lease/rootpath", "iscsi:192.168.1.10:::1:iqn.2024-01.local:pi4-root");
    shell.write("keep/lease/opt224", Buffer.from("pivot").toString("hex"));
    shell.write("proc/uptime", "12.34 10.00\n");
  });
  afterEach(() => shell.dispose());

  const HEAD =
    "SERIAL=10000000ddb41a0c MAC=dc:a6:32:b4:1a:0c MODEL='Raspberry Pi 4 Model B' ADDRESS=192.168.1.57 SERVER=10.0.0.2:8069";
  const run = (script: string): ShellResult => shell.run(`${HEAD}\n${script}`);
  const image = (): string => shell.path("state/help.img");
  const fileOnIt = (name: string): string => must(["mtype", "-i", image(), `::${name}`]);
  const FAIL =
    "say login fail '10.0.0.9:3260 does not answer' 'is that computer on?'; help_after_failure login";

  /** Whether it is still there when these stages were passed after the failure. */
  const after = (stages: string): boolean => {
    run(
      `rm -rf "$STATE/help.img"; ${FAIL}; ${FAIL}; for each in ${stages}; do help_after_success "$each"; done`,
    );
    return existsSync(image());
  };

  test("appears at the second failure, read-only, and is a FAT that fsck finds nothing in", () => {
    run(FAIL);
    expect(existsSync(image())).toBe(false);
    run(`${FAIL}; ${FAIL}`);
    must(["fsck.fat", "-n", image()]);
    const shown = readFileSync(shell.path(LUN_FILE), "utf8").trim();
    expect(shown).toBe(image());
    expect(readFileSync(shell.path(LUN_FILE.replace("file", "ro")), "utf8")).toBe("1\n");
    const listed = must(["mdir", "-b", "-i", image()]);
    expect(listed.trim().split("\n")).toEqual(["::/README.txt", "::/log.txt", "::/kernel.txt"]);
  });

  test("names this very failure, what to do, this Pi, and what the network told it", () => {
    run(`${FAIL}; ${FAIL}`);
    const text = fileOnIt("README.txt");
    expect(
      text.split("\n").every((line, index, all) => index === all.length - 1 || line.endsWith("\r")),
    ).toBe(true);
    for (const words of [
      "What happened:   10.0.0.9:3260 does not answer\r\n",
      "What to do:      is that computer on?\r\n",
      "THE iSCSI SERVER, STEP BY STEP",
      "pinetboot pi assign ddb41a0c --image NAME",
      "Serial number      10000000ddb41a0c\r\n",
      "MAC address        dc:a6:32:b4:1a:0c\r\n",
      "Network            eth0 has link\r\n",
      "Address            192.168.1.57\r\n",
      "DHCP server        192.168.1.1\r\n",
      "Router             192.168.1.254\r\n",
      "Option 17          iscsi:192.168.1.10:::1:iqn.2024-01.local:pi4-root\r\n",
      "Option 224         pivot\r\n",
      "pinetboot server   10.0.0.2:8069\r\n",
    ])
      expect(text).toContain(words);
    expect(fileOnIt("log.txt")).toContain(
      "   12.34 login fail: 10.0.0.9:3260 does not answer - is that computer on?\r\n",
    );
  });

  test("tells the disk's values with their sources, and no secret anywhere", () => {
    shell.write("state/values/endpoint/iscsi.target", "iqn.2026-01.x:y");
    shell.write("state/values/cmdline/iscsi.password", "twelve-and-more");
    run(`${FAIL}; ${FAIL}`);
    const text = fileOnIt("README.txt");
    expect(text).toContain("iscsi.target       iqn.2026-01.x:y, from http://10.0.0.2:8069\r\n");
    expect(text).toContain("iscsi.password     (known, not shown), from the kernel command line\r\n");
    expect(fileOnIt("kernel.txt")).toBe(
      "Kernel command line: iscsi.password=(not shown) wifi.psk=(not shown) iscsi.password_in=(not shown) x=1\r\n",
    );
    const bytes = readFileSync(image()).toString("latin1");
    for (const secret of ["twelve-and-more", "se cret", "hidden", "mutu"])
      expect(bytes).not.toContain(secret);
  });

  test.each([
    ["network", "THE NETWORK, STEP BY STEP"],
    ["parameters", "THE SERVER, STEP BY STEP"],
    ["root", "THE DISK, STEP BY STEP"],
    ["handover", "THE DISK, STEP BY STEP"],
  ])("a failure of the stage %s comes with the steps for it", (stage, words) => {
    run(`say ${stage} fail 'it broke' ''; help_after_failure ${stage}; help_after_failure ${stage}`);
    expect(fileOnIt("README.txt")).toContain(words);
    expect(fileOnIt("README.txt")).toContain("What to do:      see below\r\n");
  });

  test("stays as it is while the same happens again, and is another disk when something else does", () => {
    const before = `${FAIL}; ${FAIL}; cp "$STATE/help.img" "$STATE/before"; printf same >"$GADGET/UDC"`;
    run(`${before}; ${FAIL}; cat "$GADGET/UDC" >"$STATE/udc"`);
    expect(readFileSync(shell.path("state/udc"), "utf8")).toBe("same");
    run(
      `${before}; say root fail 'no init' 'another image'; help_after_failure root; cat "$GADGET/UDC" >"$STATE/udc"`,
    );
    expect(readFileSync(shell.path("state/udc"), "utf8")).toBe("fe980000.usb\n");
    expect(fileOnIt("README.txt")).toContain("What happened:   no init\r\n");
    // The number by which a computer knows a disk again.
    const number = (name: string): number => readFileSync(shell.path(name)).readUInt32LE(39);
    expect(number("state/help.img")).not.toBe(number("state/before"));
  });

  test("goes when the failed stage is passed, not when those before it are", () => {
    expect(after("network parameters")).toBe(true);
    expect(after("network parameters login")).toBe(false);
    expect(existsSync(shell.path(GADGET))).toBe(false);
  });

  test("a cable that is not there is worth one too, though the Pi only waits", () => {
    shell.write("sys/class/net/eth0/carrier", "0\n");
    shell.write("sys/class/net/eth0/address", "dc:a6:32:b4:1a:0c\n");
    run("SERIAL= MAC=; network_waited=20; network_say_no_link");
    expect(fileOnIt("README.txt")).toContain("MAC address        dc:a6:32:b4:1a:0c\r\n");
    expect(readFileSync(shell.path(`${GADGET}/strings/0x409/serialnumber`), "utf8")).toBe("DCA632B41A0C\n");
    expect(fileOnIt("README.txt")).toContain("What to do:      check the cable and the switch\r\n");
    expect(fileOnIt("README.txt")).toContain("Network            eth0 has no link\r\n");
  });

  test("without a USB port that can be a disk nothing is made", () => {
    shell.run('rm -r "$SYS/class/udc"');
    const { said } = run(`${FAIL}; ${FAIL}`);
    expect(existsSync(image())).toBe(false);
    expect(said.trim().split("\n")).toHaveLength(2);
  });

  test("of a log that does not fit the end is kept, and what a Pi says for weeks stays small", () => {
    const big = join(dir, "log.txt");
    writeFileSync(big, `${"x".repeat(79)}\n`.repeat(40_000) + "the end\n");
    must([program, join(dir, "big.img"), big]);
    must(["fsck.fat", "-n", join(dir, "big.img")]);
    expect(must(["mtype", "-i", join(dir, "big.img"), "::log.txt"])).toEndWith("the end\n");
    run(
      'CONSOLES=/dev/null; n=0; while [ $n -lt 2100 ]; do n=$((n + 1)); say_keep root progress "line $n"; done',
    );
    const lines = readFileSync(shell.path("state/log"), "utf8").trim().split("\n");
    expect(lines.length).toBeLessThanOrEqual(1000);
    expect(lines.at(-1)).toContain("line 2100");
  }, 20_000);

  test("a name that FAT has no place for is refused", () => {
    const result = Bun.spawnSync([
      program,
      join(dir, "x.img"),
      join(dir, "helpdisk.c"),
      "/etc/a-name-too-long",
    ]);
    expect(result.exitCode).not.toBe(0);
    expect(result.stderr.toString()).toContain("helpdisk: ");
  });
});

/** Runs a command and returns what it printed; throws with its words when it fails. */
function must(command: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command]);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}${stdout.toString()}`);
  return stdout.toString();
}
