/** Mode kexec on `virt` (PSCI): from the shim into the image's own kernel, another version, with its initramfs. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { kernelRoot, OWN_INITRAMFS_WORDS } from "../roots/index.ts";
import { describeWith } from "../support/tools.ts";
import { type Lan, makeLan } from "./lan.ts";
import { BOOT_TOOLS_TIMEOUT_MS, ensureBootShim } from "./needs.ts";
import { bootOwnKernel, expectOwnKernel, KEXEC_BOOT_MS, KEXEC_NEEDS } from "./own-kernel.ts";

const SHUTDOWN_MS = 120_000;
const SERVE_FLAGS = ["--interface", "eth0", "--http", "127.0.0.1:8080", "--no-shim-build"];

describeWith(KEXEC_NEEDS, "mode kexec on virt", () => {
  let lan: Lan;

  beforeAll(async () => {
    await ensureBootShim();
    const image = await kernelRoot();
    lan = await makeLan("kexec-virt");
    await lan.server.command("image", "import", image, "--name", "own-kernel");
    await lan.server.start(...SERVE_FLAGS);
  }, BOOT_TOOLS_TIMEOUT_MS);

  afterAll(async () => {
    await lan?.dispose();
  });

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
      let console = await bootOwnKernel(pi);
      expect(console.text).toContain(OWN_INITRAMFS_WORDS);
      await expectOwnKernel(console);
      // What holds the disk is still there, and the target's network managers know.
      expect(await console.run("ps | grep -c '@iscsi[d]'")).not.toBe("0");
      expect(await console.run("cat /run/systemd/network/00-pinetboot.link")).toContain("NamePolicy=keep");
      await console.run("echo kept > /root/proof && sync");
      console.type("reboot\n");
      await pi.waitUntilOff(SHUTDOWN_MS);
      console = await bootOwnKernel(pi);
      expect(await console.run("cat /root/proof")).toBe("kept");
      console.type("poweroff\n");
      await pi.waitUntilOff(SHUTDOWN_MS);
    },
    KEXEC_BOOT_MS * 3,
  );
});
