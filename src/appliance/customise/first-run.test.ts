/** The script is run as systemd runs it, with the system's tools replaced by ones that tell what they were told. */
import { expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bootFolder, firstRun, userConf, withFirstRun } from "./first-run.ts";
import type { Customisation } from "./settings.ts";

const NASTY = 'it\'s $(reboot) `x` "q" \\';
const CMDLINE =
  "console=serial0,115200 root=PARTUUID=x-02 rootwait quiet init=/usr/lib/raspberrypi-sys-mods/firstboot";

/** What the tools were told, and what is left of the boot folder. */
function run(settings: Customisation): { told: string[]; root: string; dispose: () => void } {
  const root = mkdtempSync(join(tmpdir(), "pinetboot-firstrun-"));
  for (const folder of [
    "usr/lib/raspberrypi-sys-mods",
    "usr/lib/userconf-pi",
    "boot/firmware",
    "etc/ssh",
    "bin",
  ])
    mkdirSync(join(root, folder), { recursive: true });
  const tool = (path: string): void => {
    // One line for each call, each word in brackets.
    const script = `#!/bin/sh\nprintf '%s' "\${0##*/}" >> ${root}/told\nfor word; do printf ' [%s]' "$word" >> ${root}/told; done\necho >> ${root}/told\n`;
    writeFileSync(join(root, path), script);
    chmodSync(join(root, path), 0o755);
  };
  tool("usr/lib/raspberrypi-sys-mods/imager_custom");
  tool("usr/lib/userconf-pi/userconf");
  for (const name of ["raspi-config", "systemctl", "ssh-keygen"]) tool(`bin/${name}`);
  writeFileSync(join(root, "etc/machine-id"), "0123\n");
  writeFileSync(join(root, "etc/ssh/ssh_host_rsa_key"), "old");
  writeFileSync(join(root, "boot/firmware/cmdline.txt"), withFirstRun(`${CMDLINE}\n`, "/boot/firmware"));
  const script = firstRun(settings, "/boot/firmware") ?? "";
  const placed = script
    .replaceAll(/(^|[ ;])(\/(?:usr\/lib|etc|var|boot)\/)/gm, `$1${root}$2`)
    .replace(": > /etc", `: > ${root}/etc`);
  writeFileSync(join(root, "boot/firmware/firstrun.sh"), placed);
  const { exitCode, stderr } = Bun.spawnSync(["/bin/sh", join(root, "boot/firmware/firstrun.sh")], {
    env: { PATH: `${root}/bin:/usr/bin:/bin` },
  });
  expect([exitCode, stderr.toString()]).toEqual([0, ""]);
  const told = existsSync(join(root, "told"))
    ? readFileSync(join(root, "told"), "utf8").trim().split("\n")
    : [];
  return { told, root, dispose: () => rmSync(root, { recursive: true, force: true }) };
}

test("the script tells the system's own tools, word by word, whatever is in the words", () => {
  const { told, root, dispose } = run({
    hostname: "kitchen-pi",
    user: { name: "ada", passwordHash: "$6$salt$hash" },
    ssh: true,
    sshKeys: [`ssh-ed25519 AAAA ${NASTY}`],
    wifi: { ssid: NASTY, psk: "ab", country: "DE", hidden: true },
    locale: "de_DE.UTF-8",
    keyboard: "de",
    timezone: "Europe/Berlin",
  });
  expect(told).toEqual([
    "imager_custom [set_hostname] [kitchen-pi]",
    "userconf [ada] [$6$salt$hash]",
    `imager_custom [enable_ssh] [-k] [ssh-ed25519 AAAA ${NASTY}]`,
    `imager_custom [set_wlan] [-h] [${NASTY}] [ab] [DE]`,
    "imager_custom [set_keymap] [de]",
    "imager_custom [set_timezone] [Europe/Berlin]",
    "raspi-config [nonint] [do_change_locale] [de_DE.UTF-8]",
    "ssh-keygen [-A]",
  ]);
  expect(existsSync(join(root, "boot/firmware/firstrun.sh"))).toBe(false);
  expect(readFileSync(join(root, "boot/firmware/cmdline.txt"), "utf8")).toBe(`${CMDLINE}\n`);
  expect(readFileSync(join(root, "etc/machine-id"), "utf8")).toBe("");
  expect(existsSync(join(root, "etc/ssh/ssh_host_rsa_key"))).toBe(false);
  dispose();
});

test("nothing to do makes no script, and a user without a password no userconf.txt", () => {
  expect(firstRun({}, "/boot")).toBeUndefined();
  expect(userConf({ user: { name: "ada", passwordHash: null } })).toBeUndefined();
  expect(userConf({ user: { name: "ada", passwordHash: "$6$a$b" } })).toBe("ada:$6$a$b\n");
});

test("the command line is said once, however often it is asked for", () => {
  const once = withFirstRun(CMDLINE, "/boot");
  expect(once).toBe(
    `${CMDLINE} systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target\n`,
  );
  expect(withFirstRun(once, "/boot")).toBe(once);
});

test("the boot partition is where the release has it", () => {
  expect(bootFolder("Raspberry Pi reference 2023-10-10\nGenerated using ...")).toBe("/boot/firmware");
  expect(bootFolder("Raspberry Pi reference 2023-05-03\n")).toBe("/boot");
  expect(bootFolder("")).toBe("/boot/firmware");
});
