/** What can keep a Pi from booting, and the line that it says about it. The programs' own words are as they were seen. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { describeWith } from "../support/tools.ts";
import { ShimShell } from "./shim-shell.ts";

const TARGET = "iqn.2026-01.test:disk";

describeWith(["busybox"], "a failure is named, with what to do", () => {
  let shell: ShimShell;
  beforeEach(() => {
    shell = new ShimShell();
  });
  afterEach(() => shell.dispose());

  const FATAL = "19 - encountered non-retryable iSCSI login failure";
  const TIMED_OUT = "8 - connection timed out";

  test.each([
    [
      "an initiator that the target does not know",
      rejected(
        "initiator failed authorization with target",
        "24 - iSCSI login failed due to authorization failure",
      ),
      `does not let the initiator iqn.2026-01.net.pinetboot:pi-x use ${TARGET} - allow that name at the target`,
    ],
    [
      "an unknown target",
      rejected("initiator error - target not found (02/03)", FATAL),
      `has no target ${TARGET} - correct iscsi.target in the kernel command line`,
    ],
    ["a target that was removed", rejected("initiator error (02/04)", FATAL), `has no target ${TARGET}`],
    [
      "too many logins",
      rejected("initiator error (02/06)", FATAL),
      `takes no further login to ${TARGET}: it is full - end another machine's login`,
    ],
    [
      "a server without resources",
      rejected("target error (03/02)", TIMED_OUT),
      `takes no further login to ${TARGET}: it is full`,
    ],
    [
      "a target that is not ready",
      rejected("target error (03/01)", TIMED_OUT),
      `cannot serve ${TARGET} now (iSCSI status 03/01) - is it starting, stopping or offline?`,
    ],
    [
      "a redirection that leads nowhere",
      rejected("redirection type 0x3 not supported", TIMED_OUT),
      "sends this Pi to another address",
    ],
    [
      "another version",
      rejected("incompatible version (02/05), non-retryable, giving up", FATAL),
      "speaks another version of iSCSI",
    ],
    [
      "a name that nobody knows",
      "iscsistart: cannot resolve host name nas.lan",
      "nobody knows the name 10.0.0.2 of the iSCSI server - correct iscsi.ip in the kernel command line",
    ],
    [
      "a server that does not answer",
      `iscsistart: connect to 10.0.0.2:3260 failed (Connection timed out)\niscsistart: initiator reported error (${TIMED_OUT})`,
      "10.0.0.2:3260 does not answer - is that computer on, in this network, and its firewall open for the port?",
    ],
  ])("at the login: %s", (_name, output, words) => {
    shell.program("iscsistart", `cat <<'END' >&2\n${output}\nEND\nexit 1`);
    const { said } = shell.run(
      `value_put cmdline iscsi.ip 10.0.0.2; value_put cmdline iscsi.target ${TARGET}
      value_put cmdline iscsi.initiator iqn.2026-01.net.pinetboot:pi-x; login_target`,
    );
    expect(said).toContain("stage=login state=fail");
    expect(said).toContain(words);
  });

  test("a disk of 0 bytes", () => {
    shell.program("iscsistart", "exit 0");
    shell.write("sys/class/iscsi_session/session1/targetname", `${TARGET}\n`);
    shell.write("sys/class/iscsi_session/session1/device/target0:0:0/0:0:0:1/block/sda/size", "");
    shell.write("sys/class/block/sda/size", "0\n");
    const { said, exitCode } = shell.run(
      `value_put cmdline iscsi.ip 10.0.0.2; value_put cmdline iscsi.target ${TARGET}; login_target`,
    );
    expect(said).toContain(`stage=login state=fail ${TARGET} is a disk of 0 bytes - give it a size`);
    expect(exitCode).not.toBe(0);
  });

  // The last line of busybox's wget.
  test.each([
    [
      "wget: can't connect to remote host (10.0.0.2): Connection refused",
      "nobody listens at http://10.0.0.2:8069 (connection refused) - start pinetboot serve there",
    ],
    [
      "wget: can't connect to remote host (10.0.0.2): No route to host",
      "http://10.0.0.2:8069 does not answer - is that computer on, in this network, and does its firewall let port 8069 in?",
    ],
    ["wget: download timed out", "http://10.0.0.2:8069 does not answer - is that computer on"],
    [
      "wget: server returned error: HTTP/1.1 404 Not Found",
      "http://10.0.0.2:8069 is a web server, but not pinetboot's (404 Not Found) - does pinetboot.server= name the right computer and port?",
    ],
    [
      "wget: server returned error: HTTP/1.1 403 Forbidden",
      "http://10.0.0.2:8069 does not serve this network - name this network's interface with --interface",
    ],
    ["wget: bad address '10.0.0.2:8069'", "nobody knows the name 10.0.0.2 - correct pinetboot.server="],
    ["wget: error getting response", "http://10.0.0.2:8069 gave no answer (error getting response) - does"],
  ])("at the boot endpoint: %s", (error, words) => {
    shell.program("wget", `echo "${error}" >&2; exit 1`);
    const { said } = shell.run(
      "report_start() { :; }; SERVER=10.0.0.2:8069; value_put cmdline pinetboot.server $SERVER; parameters_get",
    );
    expect(said).toContain(`state=fail nobody says which disk to boot from: ${words}`);
  });

  test("DHCP that gives an address and no disk, with nobody else to ask", () => {
    shell.write("keep/lease/serverid", "192.168.1.1");
    expect(shell.run("SERVER=; parameters_get").said).toContain(
      "state=fail nobody says which disk to boot from: the DHCP server 192.168.1.1 gave an address, but no disk (option 17)",
    );
  });

  test("another machine with this Pi's address, by its MAC; the lease is declined from then on", () => {
    shell.program("arping", "echo 'Unicast reply from 10.0.0.9 [02:11:22:33:44:55] 0.512ms'; exit 1");
    shell.program("ip", `echo "ip $*" >>'${shell.path("ip")}'`);
    shell.write("sys/class/net/eth0/address", "dc:a6:32:01:02:03\n");
    const { said, text, exitCode } = shell.run(
      `INTERFACE=eth0 ADDRESS=10.0.0.9 DHCP_INTERFACE=eth0
      duplicate_probe; wait; duplicate_check; result=$?; echo "[$ADDRESS$DHCP_INTERFACE] $DHCP_FLAGS"; cat '${shell.path("ip")}'; exit $result`,
    );
    expect(said).toContain(
      "stage=network state=fail another machine has this Pi's address 10.0.0.9 too: 02:11:22:33:44:55 - give that machine another address; this Pi declines",
    );
    expect(text).toBe("[] -a500\nip addr flush dev eth0\n");
    expect(exitCode).toBe(1);
  });

  test("no other machine: silence, or this Pi's own second interface", () => {
    shell.write("sys/class/net/eth0/address", "dc:a6:32:01:02:03\n");
    shell.write("sys/class/net/wlan0/address", "dc:a6:32:01:02:04\n");
    for (const answer of ["", "Unicast reply from 10.0.0.9 [dc:a6:32:01:02:04] 0.512ms"]) {
      shell.program("arping", `echo "${answer}"`);
      const { said, exitCode } = shell.run(
        "INTERFACE=eth0 ADDRESS=10.0.0.9; duplicate_probe; wait; duplicate_check",
      );
      expect([said, exitCode]).toEqual(["", 0]);
    }
    expect(shell.run('rm -f "$STATE/duplicate"; duplicate_check').exitCode).toBe(0);
  });

  test("a target that goes away while the root is looked for, and that it is back", () => {
    const state = (text: string): string =>
      `echo ${text} >'${shell.path("sys/class/iscsi_session/session1/state")}'`;
    shell.write("sys/class/iscsi_session/session1/state", "LOGGED_IN\n");
    const once = "disk_watch_once";
    const { said } = shell.run(
      `SESSION=session1; value_put cmdline iscsi.ip 10.0.0.2
      ${once}; ${state("FAILED")}; ${once}; ${once}; ${state("LOGGED_IN")}; ${once}; ${once}`,
    );
    expect(said.split("\n")).toEqual([
      expect.stringContaining(
        "stage=login state=fail the disk's server 10.0.0.2:3260 went away in the middle of the boot",
      ),
      expect.stringContaining("stage=login state=ok the disk is back"),
      "",
    ]);
  });

  test("the watch ends with what it watches, and keeps its result", () => {
    shell.write("sys/class/iscsi_session/session1/state", "LOGGED_IN\n");
    const { text } = shell.run(
      'look() { found=1; return 3; }; SESSION=session1; disk_watched look; echo "$? $found"; kill -0 "$disk_watcher" 2>/dev/null || wait; echo over',
    );
    expect(text).toBe("3 1\nover\n");
  });

  test("a clock that nobody set goes on from the last use of the disk", () => {
    shell.write("root/etc/fake-hwclock.data", "");
    shell.program(
      "date",
      `case "$*" in
        "-u +%s") echo 1234 ;;
        *"-u -r"*fake-hwclock.data*) echo 1800000000 ;;
        *"-u -r"*) exit 1 ;;
        *"-u -s"*) echo "$*" >'${shell.path("set")}' ;;
        *) echo 2027-01-15 08:00 ;;
      esac`,
    );
    const { said, text } = shell.run(`clock_from_root; cat '${shell.path("set")}'`);
    expect(text).toBe("-u -s @1800000000\n");
    expect(said).toContain("nobody told this Pi the time: its clock starts at 2027-01-15 08:00 UTC");
  });

  test("a clock that is right is left alone", () => {
    shell.program("date", "echo 1800000001");
    expect(shell.run("clock_from_root").said).toBe("");
  });
});

/** As iscsistart of open-iscsi 2.1.11 says it (usr/initiator.c, usr/iscsi_err.c). */
function rejected(why: string, error: string): string {
  return `iscsistart: conn 0 login rejected: ${why}\niscsistart: initiator reported error (${error})`;
}
