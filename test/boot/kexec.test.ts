/**
 * Mode kexec: from the shim into the image's own kernel, which is another version, finds its root over iSCSI again, and
 * has all CPUs; on `virt` (PSCI) and on `raspi3b` (spin-table).
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { kernelRoot, OWN_INITRAMFS_WORDS, ROOT_PASSWORD } from "../roots/index.ts";
import { describeWith } from "../support/tools.ts";
import type { Console } from "./console.ts";
import { type Lan, makeLan } from "./lan.ts";
import { BOOT_TEST_NEEDS, BOOT_TOOLS_TIMEOUT_MS, ensureBootShim } from "./needs.ts";
import type { VirtualPi } from "./virtual-pi.ts";

/** Firmware, shim, unpacking and a second kernel under TCG on a busy machine; 60 s on an idle one. */
const BOOT_MS = 600_000;
const SHUTDOWN_MS = 120_000;
const NEEDS = [...BOOT_TEST_NEEDS, "cpio", "depmod", "dtc", "fdtput", "zstd"];
const SERVE_FLAGS = ["--interface", "eth0", "--http", "127.0.0.1:8080", "--no-shim-build"];

describeWith(NEEDS, "mode kexec", () => {
  let lan: Lan;

  beforeAll(async () => {
    await ensureBootShim();
    const image = await kernelRoot();
    lan = await makeLan("kexec");
    await lan.server.command("image", "import", image, "--name", "own-kernel");
    await lan.server.start(...SERVE_FLAGS);
  }, BOOT_TOOLS_TIMEOUT_MS);

  afterAll(async () => {
    await lan?.dispose();
  });

  const boot = async (pi: VirtualPi): Promise<Console> => {
    const console = await pi.powerOn();
    await console.waitFor(/stage=kexec state=ok starting Linux 6\.1\./, BOOT_MS, /state=fail/);
    await console.logIn(ROOT_PASSWORD, BOOT_MS);
    return console;
  };
  const expectOwnKernel = async (console: Console): Promise<void> => {
    expect(await console.run("uname -r")).toMatch(/^6\.1\.\d+-\d+-arm64$/);
    expect(await console.run("cat /sys/devices/system/cpu/online")).toBe("0-3");
    expect(await console.run("cat /sys/class/iscsi_session/*/state")).toBe("LOGGED_IN");
    // Its login is its own secret, and stands where only root reads.
    const secret = await console.run("cat /sys/class/iscsi_session/*/password");
    expect(secret).toMatch(/^[A-Za-z0-9]{16}$/);
    const words = await console.run("cat /proc/cmdline");
    expect(words).not.toContain(secret);
    expect(words).toContain("root=PARTUUID=70696e65-02 rootfstype=ext4 rootwait");
    expect(words).not.toContain("maxcpus");
  };

  test(
    "a Pi on virt starts the kernel, with the initramfs that its config.txt names, and keeps what it writes",
    async () => {
      const pi = lan.addPi({
        name: "kexec-pi4",
        profile: "pi4",
        machine: "virt",
        cpus: 4,
        serial: "10000000ddb41a0c",
        mac: "dc:a6:32:b4:1a:0c",
      });
      await lan.server.command("pi", "assign", pi.key, "--image", "own-kernel", "--mode", "kexec");
      let console = await boot(pi);
      expect(console.text).toContain(OWN_INITRAMFS_WORDS);
      await expectOwnKernel(console);
      // What holds the disk is still there, and the target's network managers know.
      expect(await console.run("ps | grep -c '@iscsi[d]'")).not.toBe("0");
      expect(await console.run("cat /run/systemd/network/00-pinetboot.link")).toContain("NamePolicy=keep");
      await console.run("echo kept > /root/proof && sync");
      console.type("reboot\n");
      await pi.waitUntilOff(SHUTDOWN_MS);
      console = await boot(pi);
      expect(await console.run("cat /root/proof")).toBe("kept");
      console.type("poweroff\n");
      await pi.waitUntilOff(SHUTDOWN_MS);
    },
    BOOT_MS * 3,
  );

  test(
    "a Pi 3 starts it with the image's own device tree and overlay, and all four CPUs come up",
    async () => {
      const pi = lan.addPi({
        name: "kexec-pi3",
        profile: "pi3b",
        machine: "raspi3b",
        serial: "000000005b154510",
        mac: "b8:27:eb:15:45:10",
      });
      await lan.server.command("pi", "assign", pi.key, "--image", "own-kernel", "--mode", "kexec");
      const console = await boot(pi);
      expect(console.text).not.toContain(OWN_INITRAMFS_WORDS);
      await expectOwnKernel(console);
      // From the tree that the firmware completed, not from the image's.
      expect(await console.run("tr -d '\\0' < /proc/device-tree/serial-number")).toBe("000000005b154510");
      expect(await console.run("cat /proc/device-tree/soc/serial@7e201000/bluetooth/status")).toContain(
        "disabled",
      );
      await console.run("echo kept > /root/proof && sync");
      console.type("poweroff\n");
      await pi.waitUntilOff(SHUTDOWN_MS);
    },
    BOOT_MS * 2,
  );
});
