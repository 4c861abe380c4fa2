/** Read back as cloud-init reads it: YAML, and for several parts the archive of them. */
import { expect, test } from "bun:test";
import { YAML } from "bun";
import { mergeMetaData, mergeNetworkConfig, mergeUserData, userData } from "./cloud-init.ts";

const NASTY = "a\"b\\c: {d} #e'f";
const EXAMPLE = "#cloud-config\n# hostname: example\n\n#users:\n";

function config(text: string): unknown {
  expect(text.startsWith("#cloud-config\n")).toBe(true);
  return YAML.parse(text);
}

test("settings become a cloud-config that says them and nothing else", () => {
  const text = userData({
    hostname: "kitchen-pi",
    user: { name: "ada", passwordHash: "$6$salt$hash" },
    ssh: true,
    sshKeys: [`ssh-ed25519 AAAA ${NASTY}`],
    locale: "de_DE.UTF-8",
    keyboard: "de",
    timezone: "Europe/Berlin",
  });
  expect(config(text ?? "")).toEqual({
    hostname: "kitchen-pi",
    manage_etc_hosts: true,
    timezone: "Europe/Berlin",
    locale: "de_DE.UTF-8",
    keyboard: { model: "pc105", layout: "de" },
    users: [
      {
        name: "ada",
        groups: expect.stringContaining("sudo"),
        shell: "/bin/bash",
        lock_passwd: false,
        passwd: "$6$salt$hash",
        ssh_authorized_keys: [`ssh-ed25519 AAAA ${NASTY}`],
      },
    ],
    enable_ssh: true,
    ssh_pwauth: false,
    runcmd: [["systemctl", "enable", "--now", "ssh"]],
  });
  expect(userData({})).toBeUndefined();
});

test("a user with keys alone can become root without a password, which nobody has", () => {
  const text = userData({
    user: { name: "ada", passwordHash: null },
    sshKeys: ["ssh-ed25519 AAAA"],
    ssh: true,
  });
  expect(config(text ?? "")).toMatchObject({
    users: [{ lock_passwd: true, sudo: "ALL=(ALL) NOPASSWD:ALL" }],
  });
});

test("an example of comments is replaced, and what somebody has written stays beside ours", () => {
  expect(mergeUserData(EXAMPLE, "#cloud-config\nhostname: a\n")).toBe("#cloud-config\nhostname: a\n");
  const theirs = "#cloud-config\npackages:\n- git\n\nwrite_files:\n- content: |\n    x\n  path: /y\n";
  const both = mergeUserData(theirs, "#cloud-config\nhostname: a\n");
  expect(both.startsWith("#cloud-config-archive\n")).toBe(true);
  const parts = YAML.parse(both);
  expect(parts).toEqual([theirs, "#cloud-config\nhostname: a\n"]);
  const script = mergeUserData("#!/bin/sh\necho hello\n", "#cloud-config\nhostname: a\n");
  expect(YAML.parse(script)).toEqual(["#!/bin/sh\necho hello\n", "#cloud-config\nhostname: a\n"]);
});

test("the instance and the name are new, other meta-data is kept", () => {
  const there = "# a comment\r\ndsmode: local\r\ninstance_id: old\r\nlocal-hostname: raspberrypi\r\n";
  expect(YAML.parse(mergeMetaData(there, "pinetboot-1", "pi-1"))).toEqual({
    dsmode: "local",
    "instance-id": "pinetboot-1",
    "local-hostname": "pi-1",
  });
});

test("WiFi comes beside the wire, whatever the network is called", () => {
  const wifi = { ssid: NASTY, psk: "ab".repeat(32), country: "DE", hidden: true };
  const wlan0 = {
    dhcp4: true,
    optional: true,
    "regulatory-domain": "DE",
    "access-points": { [NASTY]: { hidden: true, password: "ab".repeat(32) } },
  };
  const alone = { network: { version: 2, wifis: { wlan0 } } };
  const wire = { eth0: { dhcp4: true, optional: true } };
  expect(YAML.parse(mergeNetworkConfig("", wifi))).toEqual(alone);
  expect(YAML.parse(mergeNetworkConfig("# network:\n#   wifis:\n", wifi))).toEqual(alone);
  expect(
    YAML.parse(
      mergeNetworkConfig(
        "network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n      optional: true\n",
        wifi,
      ),
    ),
  ).toEqual({ network: { version: 2, ethernets: wire, wifis: { wlan0 } } });
  expect(
    YAML.parse(
      mergeNetworkConfig("version: 2\nethernets:\n  eth0: {dhcp4: true, optional: true}\n", {
        ...wifi,
        psk: null,
      }),
    ),
  ).toMatchObject({
    version: 2,
    ethernets: wire,
    wifis: { wlan0: { "access-points": { [NASTY]: { auth: { "key-management": "none" } } } } },
  });
});
