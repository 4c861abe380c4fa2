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

/** Runs shell commands with a script at /run/configure that sets addresses, and fresh /run and state folders. */
function isolated(commands: string): string[] {
  const script = `#!/bin/sh${CONFIGURE}`;
  const steps = [
    "mount -t tmpfs none /run",
    "mount -t tmpfs none /var/lib/dhcp",
    "{ [ ! -d /var/lib/dhcpcd ] || mount -t tmpfs none /var/lib/dhcpcd; }",
    'printf "%s" "$SCRIPT" > /run/configure',
    "chmod +x /run/configure",
  ];
  return ["env", `SCRIPT=${script}`, "sh", "-c", `${steps.join(" && ")} || exit\n${commands}`];
}

/** busybox's client; stays in the foreground: SIGUSR1 renews, SIGUSR2 releases. */
export function udhcpc(...flags: string[]): string[] {
  return isolated(
    ["exec udhcpc", "-i", "eth0", "-f", "-t", "5", "-T", "2", "-s", "/run/configure", ...flags].join(" "),
  );
}

/** Words for `dhclient`'s steps; it goes to the background once it has a lease. */
const DHCLIENT = `
dhclient_run() {
  dhclient -4 -v -cf /run/dhclient.conf -lf /run/leases -pf /run/dhclient.pid -sf /run/configure "$@" eth0
}
start() {
  rm -f /run/dhclient.pid
  dhclient_run -1 && until [ -s /run/dhclient.pid ]; do sleep 0.05; done
}
stop() { kill "$(cat /run/dhclient.pid)"; }
release() { dhclient_run -r; }
printf "%s" "$CONFIG" > /run/dhclient.conf
`;

/** ISC's client. `config` is its dhclient.conf; `steps` are `start`, `stop` and `release`, and must not leave it running. */
export function dhclient({ config = "", steps = "start && stop" } = {}): string[] {
  return ["env", `CONFIG=${config}`, ...isolated(`${DHCLIENT}${steps}`)];
}

/** Roy Marples's client, which sets the address by itself. */
export function dhcpcd(...flags: string[]): string[] {
  return isolated(
    ["exec dhcpcd", "-4", "-B", "-d", "-c", "/bin/true", "--noarp", ...flags, "eth0"].join(" "),
  );
}
