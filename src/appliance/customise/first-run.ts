/**
 * What Raspberry Pi OS reads from the boot partition before it had cloud-init (bookworm and older):
 *
 *   ssh            switches the SSH server on (sshswitch.service)
 *   userconf.txt   name and password hash of the first user (userconfig.service)
 *   firstrun.sh    a script for the rest, which systemd runs because cmdline.txt says so
 *
 * The first two need nothing else. The script needs the partition's own cmdline.txt, which counts when the disk boots by
 * itself and not when a shim has started the kernel.
 */
import type { Customisation } from "./settings.ts";

/** The boot partition is mounted there since bookworm, whose first release has this date in issue.txt. */
const FIRMWARE_SINCE = "2023-10-10";
const CUSTOM = "/usr/lib/raspberrypi-sys-mods/imager_custom";
const USERCONF = "/usr/lib/userconf-pi/userconf";

/** Where the system has its boot partition, by the date in `issue.txt`. */
export function bootFolder(issue: string): string {
  const [date] = /\d{4}-\d{2}-\d{2}/.exec(issue) ?? [];
  return date !== undefined && date < FIRMWARE_SINCE ? "/boot" : "/boot/firmware";
}

/** `userconf.txt`; undefined without a user, or for one without a password, whom the file cannot make. */
export function userConf({ user }: Customisation): string | undefined {
  return user && user.passwordHash !== null ? `${user.name}:${user.passwordHash}\n` : undefined;
}

/** `firstrun.sh`; undefined when the other files say everything. */
export function firstRun(settings: Customisation, folder: string): string | undefined {
  const { hostname, user, ssh, sshKeys = [], wifi, locale, keyboard, timezone } = settings;
  const steps: string[] = [];
  if (hostname !== undefined) {
    steps.push(`if [ -x ${CUSTOM} ]; then ${CUSTOM} set_hostname ${shell(hostname)}`);
    steps.push(`else raspi-config nonint do_hostname ${shell(hostname)}; fi`);
  }
  // The name comes first: the keys go to whoever has user id 1000 by then.
  if (user)
    steps.push(`[ -x ${USERCONF} ] && ${USERCONF} ${shell(user.name)} ${shell(user.passwordHash ?? "!")}`);
  if (sshKeys.length > 0) steps.push(`${CUSTOM} enable_ssh -k ${sshKeys.map(shell).join(" ")}`);
  else if (ssh === true) steps.push("systemctl enable ssh");
  if (wifi) {
    const words = [
      wifi.hidden ? "-h " : "",
      shell(wifi.ssid),
      " ",
      shell(wifi.psk ?? ""),
      " ",
      shell(wifi.country),
    ];
    steps.push(`${CUSTOM} set_wlan ${words.join("")}`);
  }
  if (keyboard !== undefined) steps.push(`${CUSTOM} set_keymap ${shell(keyboard)}`);
  if (timezone !== undefined) steps.push(`${CUSTOM} set_timezone ${shell(timezone)}`);
  if (locale !== undefined) steps.push(`raspi-config nonint do_change_locale ${shell(locale)}`);
  if (steps.length === 0) return undefined;
  return [
    "#!/bin/sh",
    "# Written for this disk by pinetboot. It runs once, and removes itself.",
    "set +e",
    ...steps,
    "# A name, a machine id and host keys of its own: other disks are made of the same image.",
    ": > /etc/machine-id",
    "rm -f /var/lib/dbus/machine-id /etc/ssh/ssh_host_*",
    "ssh-keygen -A",
    `rm -f ${folder}/firstrun.sh`,
    `sed -i 's| systemd\\.[^ ]*||g' ${folder}/cmdline.txt`,
    "exit 0",
    "",
  ].join("\n");
}

/** The command line that has systemd run the script instead of the usual system, once, and start again. */
export function withFirstRun(cmdline: string, folder: string): string {
  const line = (cmdline.split("\n")[0] ?? "").trimEnd().replaceAll(/ systemd\.(?:run|unit)\S*/g, "");
  const words = [
    `systemd.run=${folder}/firstrun.sh`,
    "systemd.run_success_action=reboot",
    "systemd.unit=kernel-command-line.target",
  ];
  return `${line} ${words.join(" ")}\n`;
}

function shell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
