/**
 * The main job on QEMU's `raspi3b`: the device tree as the server gave it, network over USB, a small root; served by
 * the compiled binary, alone.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { ROOT_PASSWORD, smallRoot } from "../roots/index.ts";
import { describeWith } from "../support/tools.ts";
import type { Console } from "./console.ts";
import { type Lan, makeLan } from "./lan.ts";
import { BOOT_TEST_NEEDS, BOOT_TOOLS_TIMEOUT_MS, ensureBootShim } from "./needs.ts";
import { buildBinary } from "./server.ts";
import type { VirtualPi } from "./virtual-pi.ts";

/** Firmware, shim and root under TCG on a busy machine; 30 s on an idle one. */
const BOOT_MS = 180_000;
const SHUTDOWN_MS = 60_000;
const SERIAL = "000000005b154510";

describeWith(BOOT_TEST_NEEDS, "a Pi 3 on raspi3b, with the binary alone", () => {
  let lan: Lan;
  let pi: VirtualPi;
  let console: Console;

  beforeAll(async () => {
    await ensureBootShim();
    const image = await smallRoot();
    lan = await makeLan("raspi3b");
    lan.server.program = await buildBinary(lan.dir);
    await lan.server.command("image", "import", image, "--name", "small");
    await lan.server.start("--interface", "eth0", "--http", "127.0.0.1:8080", "--no-shim-build");
    pi = lan.addPi({
      name: "pi3",
      profile: "pi3b",
      machine: "raspi3b",
      serial: SERIAL,
      mac: "b8:27:eb:15:45:10",
    });
  }, BOOT_TOOLS_TIMEOUT_MS);

  afterAll(async () => {
    await lan?.dispose();
  });

  test(
    "a Pi that nobody knows waits for a choice, then boots with the device tree that the server gave it",
    async () => {
      console = await pi.powerOn();
      await console.waitFor(/stage=parameters state=progress/, BOOT_MS, /state=fail/);
      await lan.server.command("pi", "assign", pi.key, "--image", "small");
      await lan.server.command("pi", "wait", pi.key, "--until", "handover", "--timeout", "5m");
      await console.logIn(ROOT_PASSWORD, BOOT_MS);
      expect(console.text).toContain("[pinetboot] stage=handover state=ok");
      expect(await console.run("tr -d '\\0' < /proc/device-tree/serial-number")).toBe(SERIAL);
      expect(await console.run("tr '\\0' ' ' < /proc/device-tree/compatible")).toContain(
        "raspberrypi,3-model-b",
      );
    },
    BOOT_MS * 2,
  );

  test(
    "what it wrote is there after a reboot through the firmware",
    async () => {
      await console.run("echo kept > /root/proof");
      console.type("reboot\n");
      await pi.waitUntilOff(SHUTDOWN_MS);
      console = await pi.powerOn();
      await console.logIn(ROOT_PASSWORD, BOOT_MS);
      expect(await console.run("cat /root/proof")).toBe("kept");
      console.type("poweroff\n");
      await pi.waitUntilOff(SHUTDOWN_MS);
    },
    BOOT_MS * 2,
  );
});
