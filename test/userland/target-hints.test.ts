/** What the shim leaves in the target's /run, so that nobody there touches the interface of the root disk. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { describeWith } from "../support/tools.ts";
import { ShimShell, type ShellResult } from "./shim-shell.ts";

const LEASE = "nameserver 10.0.0.1\nnameserver 10.0.0.9\n";
const MOUNT_SAYS = 'echo "mount $*" >> "$STATE/mounts"';

describeWith(["busybox"], "the target's network managers", () => {
  let shell: ShimShell;

  beforeEach(() => {
    shell = new ShimShell();
    shell.write("resolv.conf", LEASE);
    shell.program("mount", MOUNT_SAYS);
  });
  afterEach(() => shell.dispose());

  const hints = (init = "/sbin/init"): ShellResult =>
    shell.run(
      `umask 022; MAC=dc:a6:32:01:02:03 INTERFACE=eth0 INIT=${init} ALL_KEPT=' 41 42'; export STATE; target_hints; target_resolv_conf`,
    );
  const read = (name: string): string => readFileSync(shell.path(name), "utf8");
  const drop = (): string => read("run/systemd/system/dhcpcd.service.d/zz-pinetboot.conf");

  test("systemd-networkd leaves the interface unmanaged and unnamed, wired or wireless, and waits for nothing", () => {
    shell.write("root/usr/lib/systemd/systemd", "");
    expect(hints("/usr/lib/systemd/systemd").errors).toBe("");
    const network = read("run/systemd/network/00-pinetboot.network");
    expect(network).toContain("MACAddress=dc:a6:32:01:02:03\nType=ether wlan\n\n[Link]\nUnmanaged=yes");
    expect(read("run/systemd/network/00-pinetboot.link")).toContain("NamePolicy=keep");
    const online = read("run/systemd/system/systemd-networkd-wait-online.service.d/zz-pinetboot.conf");
    expect(online).toContain("ConditionPathExists=!/run/pinetboot");
    expect(existsSync(shell.path("run/pinetboot"))).toBe(true);
  });

  test("systemd leaves the module pack where it is at a shutdown, whichever way /lib is", () => {
    shell.write("root/usr/lib/systemd/systemd", "");
    expect(hints("/usr/lib/systemd/systemd").errors).toBe("");
    for (const unit of ["lib-modules", "lib-modules-", "usr-lib-modules", "usr-lib-modules-"])
      expect(read(`run/systemd/system/${unit}.mount.d/zz-pinetboot.conf`)).toBe(
        "[Unit]\nDefaultDependencies=no\n",
      );
  });

  test("NetworkManager leaves the interface alone and takes the name servers of the lease", () => {
    hints();
    const conf = read("run/NetworkManager/conf.d/00-pinetboot.conf");
    expect(conf).toContain("match-device=mac:dc:a6:32:01:02:03\nmanaged=0");
    expect(conf).toContain("[global-dns-domain-*]\nservers=10.0.0.1,10.0.0.9");
  });

  test("ifup believes that the interface is up, and ifdown leaves it out, beside what a person leaves out", () => {
    shell.write("root/etc/default/networking", "#EXCLUDE_INTERFACES=\nEXCLUDE_INTERFACES='wlan1'\n");
    shell.write("root/usr/lib/systemd/systemd", "");
    expect(hints("/usr/lib/systemd/systemd").errors).toBe("");
    expect(read("run/network/ifstate")).toBe("eth0=eth0\n");
    expect(read("run/ifstate")).toBe("eth0=eth0 1\n");
    expect(read("run/pinetboot/networking")).toBe('EXCLUDE_INTERFACES="eth0 wlan1"\n');
    const networking = read("run/systemd/system/networking.service.d/zz-pinetboot.conf");
    expect(networking).toBe("[Service]\nEnvironmentFile=/run/pinetboot/networking\n");
    expect(readlinkSync(shell.path("run/systemd/system/ifup@eth0.service"))).toBe("/dev/null");
    expect(existsSync(shell.path("state/mounts"))).toBe(false);
  });

  test("ifupdown without systemd reads the same from its file of settings, through a mount", () => {
    shell.write("root/etc/default/networking", "VERBOSE=no\n");
    expect(hints().errors).toBe("");
    expect(read("run/pinetboot/networking.view")).toMatch(
      /^# .*\nVERBOSE=no\n\nEXCLUDE_INTERFACES="eth0"\n$/,
    );
    expect(read("state/mounts")).toMatch(
      /^mount -o bind .*\/run\/pinetboot\/networking.view .*\/etc\/default\/networking\nmount -o remount,bind,ro /,
    );
  });

  test("dhcpcd under systemd is started as its unit or the last change of it says, but not for the interface", () => {
    shell.write("root/usr/lib/systemd/systemd", "");
    shell.write("root/lib/systemd/system/dhcpcd.service", "[Service]\nExecStart=/usr/sbin/dhcpcd -q -b\n");
    hints("/usr/lib/systemd/systemd");
    expect(drop()).toBe("[Service]\nExecStart=\nExecStart=/usr/sbin/dhcpcd --denyinterfaces eth0 -q -b\n");
    shell.write(
      "root/etc/systemd/system/dhcpcd.service.d/wait.conf",
      "[Service]\nExecStart=\nExecStart=/usr/sbin/dhcpcd\n",
    );
    hints("/usr/lib/systemd/systemd");
    expect(drop()).toBe("[Service]\nExecStart=\nExecStart=/usr/sbin/dhcpcd --denyinterfaces eth0\n");
    expect(existsSync(shell.path("state/mounts"))).toBe(false);
  });

  test("dhcpcd elsewhere sees its own file with one more line, and the disk's file stays as it is", () => {
    shell.write("root/etc/dhcpcd.conf", "hostname\n");
    hints();
    expect(read("run/pinetboot/dhcpcd.conf.view")).toMatch(/^# .*\ndenyinterfaces eth0\nhostname\n$/);
    expect(read("root/etc/dhcpcd.conf")).toBe("hostname\n");
    expect(read("state/mounts")).toMatch(
      /^mount -o bind .*\/run\/pinetboot\/dhcpcd.conf.view .*\/etc\/dhcpcd.conf\nmount -o remount,bind,ro /,
    );
  });

  test("a target without dhcpcd gets nothing for it", () => {
    hints();
    expect(existsSync(shell.path("run/systemd/system/dhcpcd.service.d"))).toBe(false);
    expect(existsSync(shell.path("state/mounts"))).toBe(false);
  });

  test("a root without systemd is not taken for one that runs it", () => {
    shell.write("root/lib/systemd/system/dhcpcd.service", "[Service]\nExecStart=/usr/sbin/dhcpcd -q -b\n");
    expect(hints().errors).toBe("");
    expect(existsSync(shell.path("run/systemd/system"))).toBe(false);
  });

  test("sysvinit's killall spares what keeps the disk alive", () => {
    hints();
    expect(read("run/sendsigs.omit.d/pinetboot")).toBe("41\n42\n");
  });
});

describeWith(["busybox"], "the target's resolv.conf", () => {
  let shell: ShimShell;

  beforeEach(() => {
    shell = new ShimShell();
    shell.write("resolv.conf", LEASE);
    shell.program("mount", MOUNT_SAYS);
  });
  afterEach(() => shell.dispose());

  const after = (): string => {
    const { errors } = shell.run(`umask 022; export STATE; target_resolv_conf`);
    expect(errors).toBe("");
    return readFileSync(shell.path("root/etc/resolv.conf"), "utf8");
  };
  const STALE = "nameserver 192.0.2.53\n";

  test("is made where it is missing", () => {
    expect(after()).toBe(LEASE);
  });

  test.each([
    ["NetworkManager", `# Generated by NetworkManager\n${STALE}`],
    ["dhcpcd", `# Generated by dhcpcd from wlan0.dhcp\n${STALE}`],
    ["resolvconf", `# Dynamic resolv.conf(5) file for glibc resolver(3)\n${STALE}`],
  ])("is made anew when %s wrote it on another network", (_writer, text) => {
    shell.write("root/etc/resolv.conf", text);
    expect(after()).toBe(LEASE);
  });

  test("is made anew when ifupdown's DHCP client wrote it, which leaves no word of itself", () => {
    shell.write("root/etc/resolv.conf", STALE);
    shell.write("root/etc/network/interfaces", "auto eth0\niface eth0 inet dhcp\n");
    expect(after()).toBe(LEASE);
  });

  test.each([
    ["with a comment", `# our own server\n${STALE}`, "iface eth0 inet dhcp\n"],
    ["where no DHCP client would have written it", STALE, "iface eth0 inet static\n"],
  ])("stays as a person wrote it: one %s", (_what, text, interfaces) => {
    shell.write("root/etc/resolv.conf", text);
    shell.write("root/etc/network/interfaces", interfaces);
    expect(after()).toBe(text);
  });

  test("a link into /run gets its file there, until its owner starts", () => {
    shell.link("root/etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf");
    shell.run("umask 022; target_resolv_conf");
    expect(readFileSync(shell.path("run/systemd/resolve/stub-resolv.conf"), "utf8")).toBe(LEASE);
    expect(readFileSync(shell.path("run/systemd/resolved.conf.d/pinetboot.conf"), "utf8")).toContain(
      "DNS=10.0.0.1 10.0.0.9",
    );
  });

  test("a disk mounted read-only for the target's fsck is opened for this one file and closed again", () => {
    shell.program("mount", `${MOUNT_SAYS}; case "$*" in *remount,rw*) : > "$STATE/rw" ;; esac`);
    // Root may write everywhere: a copy that fails stands for the read-only disk.
    shell.program("cp", '[ -e "$STATE/rw" ] && busybox cp "$@"');
    expect(after()).toBe(LEASE);
    const mounts = readFileSync(shell.path("state/mounts"), "utf8");
    expect(mounts).toMatch(/^mount -o remount,rw \S+\nmount -o remount,ro \S+\n$/);
  });

  test("a disk that the command line wants read-only is not written", () => {
    shell.program("cp", "exit 1");
    shell.run("export STATE; value_put cmdline ro 1; target_resolv_conf");
    expect(existsSync(shell.path("state/mounts"))).toBe(false);
  });
});
