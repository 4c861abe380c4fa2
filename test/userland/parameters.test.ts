import { afterEach, beforeEach, expect, test } from "bun:test";
import { describeWith } from "../support/tools.ts";
import { type ShellResult, ShimShell } from "./shim-shell.ts";

const SHOW = `parameters_get; for key in ip port lun target mode; do printf '%s ' "$(parameter iscsi.$key)"; done`;

describeWith(["busybox"], "which disk the shim boots from", () => {
  let shell: ShimShell;
  beforeEach(() => {
    shell = new ShimShell();
    shell.program("date", "exit 0");
    shell.write("keep/lease/serverid", "192.168.1.1");
  });
  afterEach(() => shell.dispose());

  /** The boot endpoint answers these texts, one a question; after the last one nobody listens. */
  const endpointAnswers = (...answers: string[]): void => {
    for (const [index, answer] of answers.entries()) shell.write(`answers/${index}`, answer);
    const dir = shell.path("answers");
    shell.program(
      "wget",
      `n=$(cat '${dir}/next' 2>/dev/null || echo 0)
      echo $((n + 1)) >'${dir}/next'
      [ -f "${dir}/$n" ] || { echo "wget: can't connect to remote host: Connection refused" >&2; exit 1; }
      cat "${dir}/$n"`,
    );
  };
  const rootPath = (text: string): void => shell.write("keep/lease/rootpath", text);
  const mode = (text: string): void => shell.write("keep/lease/opt224", Buffer.from(text).toString("hex"));
  const commandLine = (text: string): void => shell.write("proc/cmdline", `${text}\n`);
  const run = (script: string): ShellResult =>
    shell.run(`report_start() { :; }; [ -f "$PROC/cmdline" ] || : >"$PROC/cmdline"; cmdline_read; ${script}`);

  test("DHCP option 17 in the form of RFC 4173", () => {
    rootPath("iscsi:192.168.1.10:6:3261:2:iqn.2024-01.local:pi4-root");
    expect(run(SHOW).text).toBe("192.168.1.10 3261 2 iqn.2024-01.local:pi4-root  ");
  });

  test("DHCP option 17 with empty fields, and the mode of option 224", () => {
    rootPath("iscsi:192.168.1.10:::1:iqn.2024-01.local:pi4-root");
    mode("pivot");
    expect(run(SHOW).text).toBe("192.168.1.10  1 iqn.2024-01.local:pi4-root pivot ");
  });

  test("DHCP option 17 with an IPv6 server and no LUN", () => {
    rootPath("iscsi:[fd00::1]::::iqn.2024-01.local:a:b:c");
    expect(run(SHOW).text).toBe("fd00::1   iqn.2024-01.local:a:b:c  ");
  });

  // RFC 4173 section 5 with each field there and away; the LUN is hexadecimal.
  test.each([
    ["iscsi:10.0.0.1::::iqn.2026-01.x:y", "10.0.0.1   iqn.2026-01.x:y  "],
    ["iscsi:10.0.0.1:6:::iqn.2026-01.x:y", "10.0.0.1   iqn.2026-01.x:y  "],
    ["iscsi:10.0.0.1::3261::iqn.2026-01.x:y", "10.0.0.1 3261  iqn.2026-01.x:y  "],
    ["iscsi:disks.lan:6:3261:0:eui.02004567A425678D", "disks.lan 3261 0 eui.02004567A425678D  "],
    ["iscsi:10.0.0.1:::1f:iqn.2026-01.x:y", "10.0.0.1  31 iqn.2026-01.x:y  "],
    ["iscsi:10.0.0.1:::10:iqn.2026-01.x:y", "10.0.0.1  16 iqn.2026-01.x:y  "],
    ["iscsi:10.0.0.1:::0002-0000-0000-0000:iqn.2026-01.x:y", "10.0.0.1  2 iqn.2026-01.x:y  "],
    ["iscsi:10.0.0.1:::000A000000000000:iqn.2026-01.x:y", "10.0.0.1  10 iqn.2026-01.x:y  "],
    ["iscsi:[2001:db8::7]:6:3260:0:iqn.2026-01.x:a:b", "2001:db8::7 3260 0 iqn.2026-01.x:a:b  "],
  ])("DHCP option 17: %s", (text, shown) => {
    rootPath(text);
    expect(run(SHOW).text).toBe(shown);
  });

  test.each(["iscsi:10.0.0.1:::4752-3A4F-6b7e-2F99:iqn.2026-01.x:y", "iscsi:10.0.0.1:::x1:iqn.2026-01.x:y"])(
    "a LUN that is none, or that no kernel finds so, is said with the DHCP server: %s",
    (text) => {
      rootPath(text);
      expect(run("parameters_get").said).toContain(
        "from the DHCP server 192.168.1.1 is not a number from 0 to 16383",
      );
    },
  );

  test("a mode in capitals, with blanks or a NUL behind it", () => {
    rootPath("iscsi:10.0.0.1:::1:iqn.2026-01.x:y");
    mode("Pivot \0");
    expect(run(SHOW).text).toContain(" pivot ");
  });

  test("text of the command line is percent-decoded, of the endpoint and DHCP it is not", () => {
    commandLine(
      "iscsi.ip=10.0.0.1 iscsi.target=iqn.2026-01.x:y iscsi.username=a%20b iscsi.password=%25%22%27%5c$(id)%c3%a4 iscsi.username_in=t%3d iscsi.password_in=100%",
    );
    const show = `parameters_get; for key in username password username_in password_in; do parameter "iscsi.$key"; echo; done`;
    expect(run(show).text).toBe("a b\n%\"'\\$(id)ä\nt=\n100%\n");
    commandLine("pinetboot.server=10.0.0.2:8069");
    endpointAnswers(
      "state=ready\niscsi.ip=10.0.0.2\niscsi.target=iqn.2026-01.x:y\niscsi.username=a%20b\niscsi.password=c%25\n",
    );
    expect(run(show).text).toBe("a%20b\nc%25\n\n\n");
  });

  test("a LUN and a port of the command line in hexadecimal are those numbers", () => {
    commandLine("iscsi.ip=10.0.0.1 iscsi.target=iqn.2026-01.x:y iscsi.lun=0x1F iscsi.port=0xCBC");
    expect(run(`parameters_get; parameter_lun; echo; parameter_port`).text).toBe("31\n3260");
  });

  test("a word that is almost one of ours is said, with those that are known", () => {
    commandLine("console=tty1 iscsi.traget=x iscsi.ip=10.0.0.1 iscsi.target=iqn.2026-01.x:y wifi.password=x");
    expect(run("parameters_get").said).toContain(
      "state=progress the kernel command line has iscsi.traget wifi.password, which this shim does not know - it knows iscsi.ip",
    );
  });

  test.each([
    "192.168.1.5:/srv/nfs",
    "iscsi:10.0.0.1:iqn.2024-01.local:x",
    "iscsi:10.0.0.1:::1:",
    "iscsi:",
    "iscsi::::1:iqn.2026-01.x:y",
    "iscsi:10.0.0.1:17::1:iqn.2026-01.x:y",
    "iscsi:10.0.0.1:::1",
  ])("an option 17 that is no iSCSI disk is shown with its server: %s", (text) => {
    rootPath(text);
    const { said } = run("parameters_get");
    expect(said).toContain(`DHCP option 17 from 192.168.1.1 is '${text}', not an iSCSI disk`);
    expect(said).toContain("stage=parameters state=fail nobody says which disk to boot from");
  });

  test("the command line wins over the boot endpoint, and that over DHCP, value by value", () => {
    commandLine("pinetboot.server=10.0.0.2:8069 iscsi.port=1");
    endpointAnswers(
      "state=ready\niscsi.ip=10.0.0.2\niscsi.port=2\niscsi.target=iqn.2026-01.x:end\niscsi.lun=0\n",
    );
    rootPath("iscsi:10.0.0.3::3:3:iqn.2026-01.x:dhcp");
    mode("pivot");
    expect(run(SHOW).text).toBe("10.0.0.2 1 0 iqn.2026-01.x:end pivot ");
  });

  test("a complete command line does not wait for a boot endpoint where nobody chooses", () => {
    commandLine("pinetboot.server=10.0.0.2:8069 iscsi.ip=10.0.0.9 iscsi.target=iqn.2026-01.x:line");
    endpointAnswers("state=waiting\n");
    expect(run(SHOW).text).toBe("10.0.0.9   iqn.2026-01.x:line  ");
  });

  test("an endpoint that does not answer is said, and DHCP's disk is used", () => {
    commandLine("pinetboot.server=10.0.0.2:8069");
    endpointAnswers();
    rootPath("iscsi:10.0.0.3:::3:iqn.2026-01.x:dhcp");
    const { said } = run("parameters_get");
    expect(said).toContain(
      "state=progress nobody listens at http://10.0.0.2:8069 (connection refused); another source names a disk",
    );
    expect(said).toContain("state=ok iqn.2026-01.x:dhcp at 10.0.0.3:3260, from the DHCP server 192.168.1.1");
  });

  test("while nobody has chosen, the server's words are shown once and the question is asked again at once", () => {
    commandLine("pinetboot.server=10.0.0.2:8069");
    const waiting = "state=waiting\nmessage=Choose an image on laptop, code 42\n";
    endpointAnswers(
      waiting,
      waiting,
      waiting,
      "state=ready\niscsi.ip=10.0.0.2\niscsi.target=iqn.2026-01.x:y\n",
    );
    const lines = run("parameters_get").said.trim().split("\n");
    expect(lines).toEqual([
      "[pinetboot] stage=parameters state=start asking which disk to boot from",
      "[pinetboot] stage=parameters state=progress Choose an image on laptop, code 42",
      "[pinetboot] stage=parameters state=ok iqn.2026-01.x:y at 10.0.0.2:3260, from http://10.0.0.2:8069",
    ]);
  });

  test("a refusal is shown with the server's reason, and DHCP does not go around it", () => {
    commandLine("pinetboot.server=10.0.0.2:8069");
    endpointAnswers("state=refused\nmessage=this Pi was forgotten\n");
    rootPath("iscsi:10.0.0.3:::3:iqn.2026-01.x:dhcp");
    const { said, exitCode } = run("parameters_get");
    expect(said).toContain("state=fail the server refused: this Pi was forgotten");
    expect(exitCode).not.toBe(0);
  });

  test("an answer of something else than a boot server is called that", () => {
    commandLine("pinetboot.server=10.0.0.2:80");
    endpointAnswers("<html>Welcome to your router</html>\n");
    expect(run("parameters_get").said).toContain(
      "state=fail http://10.0.0.2:80 is a web server, but not pinetboot's (its answer is none) - does pinetboot.server= name the right computer and port?",
    );
  });

  test.each([
    ["iscsi.port=0", "iscsi.port=0 from the kernel command line is not a number from 1 to 65535"],
    ["iscsi.port=32x", "iscsi.port=32x from the kernel command line is not a number"],
    ["iscsi.port=999999999999999999999", "is not a number from 1 to 65535"],
    ["iscsi.port=0x10000", "iscsi.port=0x10000 from the kernel command line is not a number from 1 to 65535"],
    ["iscsi.ip=10.0.0.256", "iscsi.ip=10.0.0.256 from the kernel command line is not an IP address"],
    ["iscsi.ip=10.0.0", "iscsi.ip=10.0.0 from the kernel command line is not an IP address"],
    ["iscsi.ip=fd00::1::2", "iscsi.ip=fd00::1::2 from the kernel command line is not an IP address"],
    ["iscsi.ip=10.0.0.1:3260", "iscsi.ip=10.0.0.1:3260 from the kernel command line is not an IP address"],
    ["iscsi.initiator=my%20pi", "iscsi.initiator=my%20pi from the kernel command line is not an iSCSI name"],
    ["iscsi.username=x", "iscsi.username is given by the kernel command line, but no iscsi.password"],
    ["iscsi.password=x", "iscsi.password is given by the kernel command line, but no iscsi.username"],
    [
      "iscsi.username_in=x iscsi.password_in=y",
      "iscsi.username_in is given by the kernel command line, but no iscsi.username",
    ],
    [
      "iscsi.username=a iscsi.password=b iscsi.username_in=c",
      "iscsi.username_in is given by the kernel command line, but no iscsi.password_in",
    ],
    [
      "iscsi.username=a iscsi.password=b%0ac",
      "iscsi.password from the kernel command line has a control character",
    ],
    ["iscsi.lun=-1", "iscsi.lun=-1 from the kernel command line is not a number from 0 to 16383"],
    [
      "iscsi.ip=10.0.0.1;reboot",
      "iscsi.ip=10.0.0.1;reboot from the kernel command line is not an IP address",
    ],
    ["iscsi.target=iqn.2026-01.x/../y", "from the kernel command line is not an iSCSI name"],
    [
      "iscsi.mode=nbd",
      "iscsi.mode=nbd from the kernel command line is not a boot mode (pivot, kexec or usb)",
    ],
    ["usb.readonly=yes", "usb.readonly=yes from the kernel command line is not 1 or 0"],
  ])("a wrong value is said with its source: %s", (words, wanted) => {
    rootPath("iscsi:10.0.0.3:::3:iqn.2026-01.x:dhcp");
    commandLine(words);
    const { said, exitCode } = run("parameters_get");
    expect(said).toContain(wanted);
    expect(exitCode).not.toBe(0);
  });

  test("a secret is never shown, also when it is wrong", () => {
    commandLine(
      `iscsi.ip=10.0.0.1 iscsi.target=iqn.2026-01.x:y iscsi.username=a iscsi.password=${"geheim".repeat(50)}`,
    );
    const { said } = run("parameters_get");
    expect(said).toContain("iscsi.password from the kernel command line has more than 255 bytes");
    expect(said).not.toContain("geheim");
  });

  test("a wrong value of DHCP is said with the DHCP server's address", () => {
    rootPath("iscsi:10.0.0.3::http:3:iqn.2026-01.x:dhcp");
    expect(run("parameters_get").said).toContain(
      "iscsi.port=http from the DHCP server 192.168.1.1 is not a number",
    );
  });
});
