import { afterEach, beforeEach, expect, test } from "bun:test";
import { describeWith } from "../support/tools.ts";
import { ShimShell } from "./shim-shell.ts";

const TARGET = "iqn.2026-01.test:disk";

describeWith(["busybox"], "the shim's login", () => {
  let shell: ShimShell;
  beforeEach(() => {
    shell = new ShimShell();
    shell.write("sys/class/iscsi_session/session1/targetname", `${TARGET}\n`);
  });
  afterEach(() => shell.dispose());

  const login = (values: Record<string, string>, before = ""): ReturnType<ShimShell["run"]> => {
    const all = { "iscsi.ip": "10.0.0.2", "iscsi.target": TARGET, ...values };
    for (const [key, value] of Object.entries(all)) shell.write(`state/values/cmdline/${key}`, value);
    return shell.run(`login_adopt() { :; }; sleep() { :; }\n${before}\nlogin_target && echo "disk $DISK"`);
  };
  const disk = (lun: number, name: string): void => {
    shell.write(`sys/class/iscsi_session/session1/device/target0:0:0/0:0:0:${lun}/block/${name}/size`, "");
    shell.write(`sys/class/block/${name}/size`, "2000000\n");
  };

  // The words are iscsistart's own, as it printed them against tgt.
  test.each([
    [
      "a closed port",
      "iscsistart: connect to 10.0.0.2:3260 failed (Connection refused)\niscsistart: initiator reported error (4 - encountered connection failure)",
      "nobody listens at 10.0.0.2:3260 (connection refused) - start the iSCSI target there",
    ],
    [
      "a host that is not there",
      "iscsistart: connect to 10.0.0.2:3260 failed (No route to host)\niscsistart: initiator reported error (8 - connection timed out)",
      "10.0.0.2:3260 does not answer - is that computer on, in this network",
    ],
    [
      "an unknown target",
      "iscsistart: conn 0 login rejected: initiator error - target not found (02/03)\niscsistart: initiator reported error (19 - encountered non-retryable iSCSI login failure)",
      `10.0.0.2:3260 has no target ${TARGET} - correct iscsi.target in the kernel command line`,
    ],
    [
      "a wrong secret",
      "iscsistart: session 1 login rejected: Initiator failed authentication with target\niscsistart: initiator reported error (24 - iSCSI login failed due to authorization failure)",
      `10.0.0.2:3260 refused the CHAP login of pi for ${TARGET} - correct iscsi.username and iscsi.password in the kernel command line`,
    ],
  ])("%s is said in words", (_name, output, words) => {
    shell.program("iscsistart", `echo '${output}' >&2; exit 1`);
    const { said, exitCode } = login({ "iscsi.username": "pi", "iscsi.password": "secret" });
    expect(said).toContain(`state=fail ${words}`);
    expect(exitCode).not.toBe(0);
  });

  test("a target that wants a login when none is known", () => {
    shell.program(
      "iscsistart",
      "echo 'iscsistart: session 1 login rejected: Initiator failed authentication with target'; exit 1",
    );
    expect(login({}).said).toContain(`wants a CHAP login for ${TARGET} and none is known`);
  });

  test("the secret reaches iscsistart byte for byte and never the console", () => {
    const password = "-w 'a\"b' $(id) \\n *";
    shell.program(
      "iscsistart",
      `for each in "$@"; do printf '%s\\n' "$each"; done >'${shell.path("words")}'`,
    );
    disk(0, "sda");
    const { said } = login({ "iscsi.username": "pi", "iscsi.password": password });
    const words = shell.run(`cat '${shell.path("words")}'`).text.split("\n");
    expect(words[words.indexOf("-w") + 1]).toBe(password);
    expect(said).not.toContain("$(id)");
    expect(said).toContain(`state=ok ${TARGET} is`);
  });

  test("the LUN that is wanted, or without one the lowest that is a disk", () => {
    shell.program("iscsistart", "exit 0");
    disk(1, "sda");
    disk(2, "sdb");
    expect(login({ "iscsi.lun": "2" }).text).toBe("disk sdb\n");
    expect(login({ "iscsi.lun": "" }).text).toBe("disk sda\n");
  });

  test("a LUN that the target does not have", () => {
    shell.program("iscsistart", "exit 0");
    disk(1, "sda");
    expect(login({ "iscsi.lun": "7" }).said).toContain(
      `state=fail ${TARGET} has no disk as LUN 7 - correct iscsi.lun`,
    );
  });

  test("a session that is there already is used again, for a disk that was missing", () => {
    shell.program("iscsistart", "exit 99");
    disk(1, "sda");
    const script = `SESSION=session1 LOGGED_IN_TO='10.0.0.2 3260 ${TARGET} '`;
    expect(login({ "iscsi.lun": "1" }, script).said).toContain(`state=ok ${TARGET} is`);
  });

  test("another choice after the login restarts the Pi, for a session cannot be changed", () => {
    shell.program("iscsistart", "exit 99");
    disk(1, "sda");
    const script = `SESSION=session1 LOGGED_IN_TO='10.0.0.2 3260 iqn.2026-01.test:before '; reboot() { echo "reboot $*"; exit; }`;
    const { said, text } = login({}, script);
    expect(said).toContain("another disk is wanted now: restarting this Pi");
    expect(text).toBe("reboot -f\n");
  });
});
