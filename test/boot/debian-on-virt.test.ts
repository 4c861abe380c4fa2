/** The main job on QEMU's `virt`: a real Debian with systemd, booted through DHCP, TFTP and iSCSI. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { debianRoot, ROOT_PASSWORD } from "../roots/index.ts";
import { describeWith } from "../support/tools.ts";
import { type Console, DISK_ERRORS } from "./console.ts";
import { type Lan, makeLan } from "./lan.ts";
import { BOOT_TEST_NEEDS, BOOT_TOOLS_TIMEOUT_MS, ensureBootShim } from "./needs.ts";
import type { VirtualPi } from "./virtual-pi.ts";

/** Firmware, shim and Debian's start under TCG on a busy machine; 40 s on an idle one. */
const BOOT_MS = 240_000;
const SHUTDOWN_MS = 120_000;
/** How long the server stays away. */
const OUTAGE_MS = 90_000;
/** iscsid tries again every few seconds, and CHAP has been seen to take it 34 s. */
const RECOVERY_MS = 120_000;
const NUMBERS_BEFORE = 20;
const NUMBERS_AFTER = 20;
const NUMBERS_FILE = "/root/numbers";
/** Modules of the kernel that such a system comes with. */
const OTHER_MODULES = "/lib/modules/6.12.0-rpi";

describeWith(BOOT_TEST_NEEDS, "a Pi 4 with Debian on virt", () => {
  let lan: Lan;
  let image = "";
  let imageSum = "";
  let first: VirtualPi;
  let second: VirtualPi;
  let firstConsole: Console;

  beforeAll(async () => {
    await ensureBootShim();
    image = await debianRoot();
    imageSum = await sha256(image);
    lan = await makeLan("debian");
    await lan.server.command("image", "import", image, "--name", "debian");
    await lan.server.start(...SERVE_FLAGS);
    first = lan.addPi({
      name: "pi4",
      profile: "pi4",
      machine: "virt",
      serial: "10000000ddb41a0c",
      mac: "dc:a6:32:b4:1a:0c",
    });
    second = lan.addPi({
      name: "pi5",
      profile: "pi5",
      machine: "virt",
      serial: "9f2d3c4b5a697887",
      mac: "2c:cf:67:69:78:87",
    });
    for (const pi of [first, second]) await lan.server.command("pi", "assign", pi.key, "--image", "debian");
  }, BOOT_TOOLS_TIMEOUT_MS);

  afterAll(async () => {
    await lan?.dispose();
  });

  test(
    "it reaches Debian's login prompt with its own CHAP login, and no secret stands on the command line",
    async () => {
      firstConsole = await first.powerOn();
      await firstConsole.logIn(ROOT_PASSWORD, BOOT_MS);
      expect(firstConsole.text).toContain("[pinetboot] stage=login state=ok");
      const user = await firstConsole.run("cat /sys/class/iscsi_session/*/username");
      const secret = await firstConsole.run("cat /sys/class/iscsi_session/*/password");
      expect(user).not.toBe("");
      expect(secret).toMatch(/^[A-Za-z0-9]{16}$/);
      expect(await firstConsole.run("cat /proc/cmdline")).not.toContain(secret);
      expect(await firstConsole.run("cat /etc/os-release")).toContain("bookworm");
    },
    BOOT_MS * 2,
  );

  test(
    "modprobe finds the module pack, which is not written to the root, and is taken off for a new kernel",
    async () => {
      const release = await firstConsole.run("uname -r");
      expect(await firstConsole.run("ls -1 /lib/modules")).toBe(release);
      await firstConsole.run("modprobe -a wireguard btrfs i2c-dev snd-usb-audio nf_tables zram");
      const loaded = await firstConsole.run("cut -d' ' -f1 /proc/modules");
      for (const name of ["wireguard", "btrfs", "i2c_dev", "snd_usb_audio", "nf_tables", "zram"])
        expect(loaded.split("\n")).toContain(name);
      expect(await firstConsole.run(`mkdir ${OTHER_MODULES} 2>&1 || true`)).toContain("Read-only");
      // As docs/hardware.md has it. What was under the cover has nothing of the pack.
      await firstConsole.run("umount -l -R /lib/modules");
      expect(await firstConsole.run("ls -1 /lib/modules")).toBe("");
      await firstConsole.run(`mkdir ${OTHER_MODULES}`);
    },
    BOOT_MS,
  );

  test(
    "what it wrote, also beside the module pack, is there after a reboot, and a second Pi with the image does not see it",
    async () => {
      await firstConsole.run("echo kept > /root/proof && sync");
      firstConsole.type("reboot\n");
      const secondConsole = await second.powerOn();
      await first.waitUntilOff(SHUTDOWN_MS);
      firstConsole = await first.powerOn();
      await Promise.all([
        firstConsole.logIn(ROOT_PASSWORD, BOOT_MS),
        secondConsole.logIn(ROOT_PASSWORD, BOOT_MS),
      ]);
      expect(await firstConsole.run("cat /root/proof")).toBe("kept");
      const release = await firstConsole.run("uname -r");
      expect(await firstConsole.run("ls -1 /lib/modules")).toBe(`${basename(OTHER_MODULES)}\n${release}`);
      await firstConsole.run(`touch ${OTHER_MODULES}/modules.dep && umount -l -R /lib/modules`);
      expect(await firstConsole.run("cd /lib/modules && find *")).toBe(
        `${basename(OTHER_MODULES)}\n${basename(OTHER_MODULES)}/modules.dep`,
      );
      expect(await secondConsole.run("ls /root")).toBe("");
      secondConsole.type("poweroff\n");
      await second.waitUntilOff(SHUTDOWN_MS);
      expect(secondConsole.text).not.toMatch(/Failed unmounting/);
    },
    BOOT_MS * 3,
  );

  test(
    "no acknowledged write is lost and no program sees an error when the server is stopped or killed, also for 90 s",
    async () => {
      firstConsole.type(`count-writes ${NUMBERS_FILE}\n`);
      await writesUntil(firstConsole, NUMBERS_BEFORE);
      // Stopped as for an update: the Pi is asked to log out, and must come back by itself.
      expect(await lan.server.stop()).toBe(0);
      const beforeUpdate = lastNumber(firstConsole);
      await lan.server.start(...SERVE_FLAGS);
      await writesUntil(firstConsole, beforeUpdate + NUMBERS_AFTER);
      // Killed in the middle of its work, and back at once.
      await lan.server.kill();
      const beforeCrash = lastNumber(firstConsole);
      await lan.server.start(...SERVE_FLAGS);
      await writesUntil(firstConsole, beforeCrash + NUMBERS_AFTER);
      // Frozen first: the writer now waits for an answer to a write that the server has received and will never give.
      lan.server.freeze();
      await firstConsole.waitForSilence(2000);
      const beforeKill = lastNumber(firstConsole);
      await lan.server.kill();
      await Bun.sleep(OUTAGE_MS);
      expect(lastNumber(firstConsole)).toBe(beforeKill);
      await lan.server.start(...SERVE_FLAGS);
      await writesUntil(firstConsole, beforeKill + NUMBERS_AFTER);
      firstConsole.type(CONTROL_C);
      await firstConsole.waitFor(/\^C/, RECOVERY_MS);
      const acknowledged = lastNumber(firstConsole);
      // Read again from the server's disk, not from the guest's memory.
      await firstConsole.run("echo 3 > /proc/sys/vm/drop_caches");
      const written = await firstConsole.run(`cat ${NUMBERS_FILE}`);
      const numbers = written.split("\n").map(Number);
      expect(numbers).toEqual(Array.from(numbers, (_, at) => at + 1));
      expect(numbers.length).toBeGreaterThanOrEqual(acknowledged);
      expect(firstConsole.text).not.toMatch(DISK_ERRORS);
      firstConsole.type("poweroff\n");
      await first.waitUntilOff(SHUTDOWN_MS);
    },
    OUTAGE_MS + RECOVERY_MS * 8 + SHUTDOWN_MS,
  );

  test("the base image has not changed by a byte, and the overlays are clean", async () => {
    expect(await lan.server.stop()).toBe(0);
    expect(await sha256(join(lan.dataDir, "images", `${imageSum}.img`))).toBe(imageSum);
    const overlays = (await readdir(join(lan.dataDir, "overlays"))).filter((name) => name.endsWith(".qcow2"));
    expect(overlays).toHaveLength(2);
    for (const name of overlays) {
      const check = Bun.spawnSync(["qemu-img", "check", join(lan.dataDir, "overlays", name)]);
      expect(check.stdout.toString() + check.stderr.toString()).toContain(
        "No errors were found on the image.",
      );
      expect(check.exitCode).toBe(0);
    }
  }, 60_000);
});

const SERVE_FLAGS = ["--interface", "eth0", "--http", "127.0.0.1:8080", "--no-shim-build"];
const CONTROL_C = "\u0003";

async function writesUntil(console: Console, number: number): Promise<void> {
  await console.waitFor(new RegExp(`wrote ${number}\\r`), RECOVERY_MS, /failed \d/);
}

function lastNumber(console: Console): number {
  return Number([...console.text.matchAll(/wrote (\d+)\r/g)].at(-1)?.[1] ?? 0);
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}
