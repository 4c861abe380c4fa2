/**
 * A card whose shim is to write the EEPROM by flashrom, in QEMU's `raspi3b`: the overlay, the drivers and Debian's program
 * as on a Pi 4. Its SPI controller has no flash chip behind it, so what is seen is that nothing is written, and why. A long
 * test: QEMU before 9 has not even the controller, and flashrom waits for each of some hundred kinds of chips.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { describeWith } from "../support/tools.ts";
import { type Lan, makeLan, SERVER_ADDRESS } from "./lan.ts";
import { BOOT_TEST_NEEDS, BOOT_TOOLS_TIMEOUT_MS, ensureBootShim } from "./needs.ts";

/** Firmware and shim under TCG on a busy machine; 30 s on an idle one. */
const BOOT_MS = 300_000;
/** QEMU's cards have a power of two in bytes. */
const CARD_BYTES = 128 * 2 ** 20;

const isLong = process.env["PINETBOOT_LONG"] !== undefined;
if (!isLong) test.skip("a Pi whose EEPROM is to be written over SPI: npm run test:long", () => {});
else
  describeWith(BOOT_TEST_NEEDS, "a Pi whose EEPROM is to be written over SPI", () => {
    let lan: Lan;
    let card: string;

    const onCard = (name: string): string =>
      run("mcopy", "-n", "-i", `${card}@@4M`, `::${name}`, "-").toString("latin1");

    beforeAll(async () => {
      await ensureBootShim();
      lan = await makeLan("spi");
      card = join(lan.dir, "card.img");
      mkdirSync(lan.dataDir, { recursive: true });
      const { command, env } = lan.server.program;
      const line = [
        ...command,
        "sdcard",
        card,
        "--eeprom",
        "--server",
        SERVER_ADDRESS,
        "--data",
        lan.dataDir,
      ];
      const done = Bun.spawnSync(line, { env, stdin: "ignore" });
      if (done.exitCode !== 0) throw new Error(done.stderr.toString());
      expect(done.stderr.toString()).toContain("Pi 4, 400 and CM4: by flashrom over SPI");
      truncateSync(card, CARD_BYTES);
    }, BOOT_TOOLS_TIMEOUT_MS);

    afterAll(async () => {
      await lan?.dispose();
    });

    test(
      "flashrom runs on the chip of the device tree; a chip that does not answer is said, and the card is tidied",
      async () => {
        expect(onCard("config.txt")).toContain("dtoverlay=eeprom-spi\n");
        const pi = lan.addPi({
          name: "pi-spi",
          profile: "pi3b",
          machine: "raspi3b",
          serial: "000000005b154512",
          mac: "b8:27:eb:15:45:12",
          card,
          changeTree(tree) {
            // QEMU has no Pi 4 with a network: its device tree's words and the flash chip, in a Pi 3's.
            run(
              "fdtput",
              "-t",
              "s",
              tree,
              "/",
              "compatible",
              "raspberrypi,3-model-b",
              "brcm,bcm2837",
              "brcm,bcm2711",
            );
            run("mcopy", "-o", "-n", "-i", `${card}@@4M`, "::overlays/eeprom-spi.dtbo", `${tree}.dtbo`);
            run("fdtoverlay", "-i", tree, "-o", `${tree}.new`, `${tree}.dtbo`);
            run("mv", `${tree}.new`, tree);
          },
        });
        const console = await pi.powerOn();
        await console.waitFor(
          /nothing was written: flashrom does not know the chip, or cannot read it \(No EEPROM\/flash device found\.\)/,
          BOOT_MS,
          /state=fail|no SPI flash|cannot be unpacked/,
        );
        // The boot goes on.
        await console.waitFor(/stage=network state=start/, BOOT_MS);
        await pi.unplug();
        expect(onCard("config.txt")).not.toContain("dtoverlay=eeprom-spi\n");
      },
      BOOT_MS * 2,
    );
  });

function run(...command: string[]): Buffer {
  const done = Bun.spawnSync(command, { env: { ...process.env, MTOOLS_SKIP_CHECK: "1" } });
  if (done.exitCode !== 0) throw new Error(`${command.join(" ")}: ${done.stderr.toString()}`);
  return done.stdout;
}
