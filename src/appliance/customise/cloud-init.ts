/**
 * What cloud-init reads from the boot partition (its NoCloud data source): Raspberry Pi OS since trixie, Ubuntu.
 * A quoted JSON string is a quoted YAML string, so that nothing which is put in can become syntax.
 */
import type { Customisation, Wifi } from "./settings.ts";

/** Of the first user, as Raspberry Pi OS gives them to its own. */
const GROUPS = "users,adm,dialout,audio,netdev,video,plugdev,cdrom,games,input,gpio,spi,i2c,render,sudo";

/** `#cloud-config` of the settings; undefined when there is nothing for it. */
export function userData(settings: Customisation): string | undefined {
  const { hostname, user, ssh, sshKeys = [], locale, keyboard, timezone } = settings;
  const lines: string[] = [];
  if (hostname !== undefined) lines.push(`hostname: ${quote(hostname)}`, "manage_etc_hosts: true");
  if (timezone !== undefined) lines.push(`timezone: ${quote(timezone)}`);
  if (locale !== undefined) lines.push(`locale: ${quote(locale)}`);
  if (keyboard !== undefined) lines.push("keyboard:", "  model: pc105", `  layout: ${quote(keyboard)}`);
  if (user) {
    lines.push("users:", `- name: ${quote(user.name)}`, `  groups: ${GROUPS}`, "  shell: /bin/bash");
    lines.push(`  lock_passwd: ${user.passwordHash === null}`);
    if (user.passwordHash !== null) lines.push(`  passwd: ${quote(user.passwordHash)}`);
    if (sshKeys.length > 0)
      lines.push("  ssh_authorized_keys:", ...sshKeys.map((key) => `  - ${quote(key)}`));
    // Nobody can type a password that does not exist.
    if (user.passwordHash === null) lines.push("  sudo: ALL=(ALL) NOPASSWD:ALL");
  }
  if (ssh === true) {
    lines.push("enable_ssh: true", `ssh_pwauth: ${sshKeys.length === 0}`);
    lines.push("runcmd:", "- [systemctl, enable, --now, ssh]");
  }
  return lines.length === 0 ? undefined : `#cloud-config\n${lines.join("\n")}\n`;
}

/**
 * Beside what is there already: both count, ours last. What consists of comments is only an example and goes.
 * The list is cloud-init's own way to hold several parts in one file.
 */
export function mergeUserData(there: string, ours: string): string {
  if (isOnlyComments(there)) return ours;
  return `#cloud-config-archive\n${archivePart(there)}${archivePart(ours)}`;
}

function archivePart(text: string): string {
  const lines = text.trimEnd().split("\n");
  return `- |\n${lines.map((line) => `  ${line.trimEnd()}`).join("\n")}\n`;
}

/** The instance is new, so cloud-init does all of its first boot again: SSH host keys too. Other keys are kept. */
export function mergeMetaData(there: string, instance: string, hostname: string): string {
  const kept = there
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "" && !/^(?:instance-id|instance_id|local-hostname|hostname)\s*:/.test(line));
  return [...kept, `instance-id: ${quote(instance)}`, `local-hostname: ${quote(hostname)}`, ""].join("\n");
}

/** WiFi beside the wire, which netbooting needs as it is and is not touched. */
export function mergeNetworkConfig(there: string, wifi: Wifi): string {
  const lines = [
    "wifis:",
    "  wlan0:",
    "    dhcp4: true",
    "    optional: true",
    `    regulatory-domain: ${quote(wifi.country)}`,
    "    access-points:",
    `      ${quote(wifi.ssid)}:`,
    ...(wifi.hidden ? ["        hidden: true"] : []),
    ...(wifi.psk === null
      ? ["        auth: {key-management: none}"]
      : [`        password: ${quote(wifi.psk)}`]),
  ];
  const indented = lines.map((line) => `  ${line}`);
  if (isOnlyComments(there) || /^\s*wifis\s*:/m.test(there))
    return `${["network:", "  version: 2", ...indented].join("\n")}\n`;
  const isNested = /^network\s*:/m.test(there);
  return `${there.trimEnd()}\n${(isNested ? indented : lines).join("\n")}\n`;
}

function isOnlyComments(text: string): boolean {
  return text.split("\n").every((line) => /^\s*(?:#.*)?$/.test(line.trimEnd())) && !text.startsWith("#!");
}

function quote(text: string): string {
  return JSON.stringify(text);
}
