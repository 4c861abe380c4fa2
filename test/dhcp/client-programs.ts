/**
 * Real DHCP clients, kept from touching the machine they run on: each sees run and state folders of its own
 * (`ip netns exec` gives every program a mount namespace) and writes no resolv.conf.
 */

/** Sets the address that a client got, as busybox's and ISC's clients tell it to their scripts; nothing else. */
const CONFIGURE = `
case "$1$reason" in
  bound|renew) ip addr replace "$ip/$mask" dev "$interface" ;;
  deconfig) ip addr flush dev "$interface" ;;
  PREINIT) ip link set "$interface" up ;;
  BOUND|RENEW|REBIND|REBOOT) ip addr replace "$new_ip_address/24" dev "$interface" ;;
  EXPIRE|FAIL|RELEASE|STOP) ip addr flush dev "$interface" ;;
esac
`;

/** Runs `command` with a script that configures the interface at /run/configure, and fresh /run and state folders. */
function isolated(command: string): string[] {
  const script = `#!/bin/sh${CONFIGURE}`;
  const steps = [
    "mount -t tmpfs none /run",
    "mount -t tmpfs none /var/lib/dhcp",
    "{ [ ! -d /var/lib/dhcpcd ] || mount -t tmpfs none /var/lib/dhcpcd; }",
    'printf "%s" "$SCRIPT" > /run/configure',
    "chmod +x /run/configure",
    `exec ${command}`,
  ];
  return ["env", `SCRIPT=${script}`, "sh", "-c", steps.join(" && ")];
}

/** busybox's client; stays in the foreground: SIGUSR1 renews, SIGUSR2 releases. */
export function udhcpc(...flags: string[]): string[] {
  return isolated(
    ["udhcpc", "-i", "eth0", "-f", "-t", "5", "-T", "2", "-s", "/run/configure", ...flags].join(" "),
  );
}

/** ISC's client; `-d` keeps it in the foreground. `config` is its dhclient.conf. */
export function dhclient({
  config = "",
  flags = [],
}: { config?: string; flags?: readonly string[] } = {}): string[] {
  const command = [
    "dhclient -4 -v -cf /run/dhclient.conf -lf /run/leases -pf /run/dhclient.pid -sf /run/configure",
    ...flags,
    "eth0",
  ].join(" ");
  const [program = "", ...rest] = isolated(command);
  const text = rest.pop() ?? "";
  return [
    program,
    `CONFIG=${config}`,
    ...rest,
    text.replace("exec ", 'printf "%s" "$CONFIG" > /run/dhclient.conf && exec '),
  ];
}

/** Roy Marples's client, which sets the address by itself. */
export function dhcpcd(...flags: string[]): string[] {
  return isolated(["dhcpcd", "-4", "-B", "-d", "-c", "/bin/true", "--noarp", ...flags, "eth0"].join(" "));
}
