/** From power-on of an unknown Pi to its root, by the page alone: the firmware's emulator, QEMU, and a browser beside. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { z } from "zod";
import { type Lan, makeLan } from "../boot/lan.ts";
import { BOOT_TEST_NEEDS, BOOT_TOOLS_TIMEOUT_MS, ensureBootShim } from "../boot/needs.ts";
import { smallRoot } from "../roots/index.ts";
import { describeWith } from "../support/tools.ts";
import { driveBrowser } from "./drive.ts";

/** Firmware, shim and root under TCG on a busy machine; 30 s on an idle one. */
const BOOT_MS = 480_000;

describeWith([...BOOT_TEST_NEEDS, "node", "chromium"], "an unknown Pi and a person at the page", () => {
  let lan: Lan;

  beforeAll(async () => {
    await ensureBootShim();
    const image = await smallRoot();
    lan = await makeLan("choose");
    await lan.server.command("image", "import", image, "--name", "small");
    await lan.server.start("--interface", "eth0", "--http", "127.0.0.1:8080", "--no-shim-build");
  }, BOOT_TOOLS_TIMEOUT_MS);
  afterAll(async () => {
    await lan?.dispose();
  });

  test(
    "its card appears, fills stage by stage, and it is up after the choice of an image and one press",
    async () => {
      const pi = lan.addPi({
        name: "chosen",
        profile: "pi4",
        machine: "virt",
        serial: "100000005ca1ab1e",
        mac: "dc:a6:32:a1:ab:1e",
      });
      const Seen = z.object({
        seen: z.array(z.string()),
        throughput: z.number(),
        steps: z.string(),
        errors: z.array(z.string()),
      });
      const { seen, throughput, steps, errors } = await driveBrowser("firstBoot", Seen, {
        url: "http://127.0.0.1:8080",
        run: lan.serverHost.run,
        meanwhile: async () => {
          await pi.powerOn();
        },
      });
      // Each stage was seen while it was under way or done before the one behind it was.
      const stages = ["Files", "Kernel", "Network", "Choice", "Disk", "Root", "System"];
      const firstDone = stages.map((stage) => seen.findIndex((row) => row.includes(`${stage} done`)));
      expect(firstDone).not.toContain(-1);
      expect(firstDone).toEqual(firstDone.toSorted((a, b) => a - b));
      expect(steps).toContain("Image.gz");
      expect(throughput).toBe(1);
      expect(errors).toEqual([]);
    },
    BOOT_MS,
  );
});
