/** `pinetboot sdcard` on QEMU's `raspi3b`: the firmware loads from the card, the shim sees it and finds the server. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EepromImage } from "../../src/shim/eeprom/eeprom-image.ts";
import { renderSignature } from "../../src/shim/eeprom/signature.ts";
import { ROOT_PASSWORD, smallRoot } from "../roots/index.ts";
import { runPiFromCard } from "../sim/pi/index.ts";
import { makeEeprom } from "../support/eeprom-maker.ts";
import { describeWith } from "../support/tools.ts";
import type { Console } from "./console.ts";
import { type Lan, makeLan, SERVER_ADDRESS } from "./lan.ts";
import { BOOT_TEST_NEEDS, BOOT_TOOLS_TIMEOUT_MS, ensureBootShim } from "./needs.ts";
import type { VirtualPi } from "./virtual-pi.ts";

/** Firmware and shim under TCG on a busy machine; 15 s on an idle one. */
const BOOT_MS = 300_000;
/** QEMU's cards have a power of two in bytes; the image is smaller, as on a real card. */
const CARD_BYTES = 128 * 2 ** 20;

const SECONDS = 1_700_000_000;

interface Written {
  readonly exitCode: number;
  readonly words: string;
  readonly card: Buffer;
}

describeWith(BOOT_TEST_NEEDS, "a Pi 3 with the bootstrap card in", () => {
  let lan: Lan;
  let pi: VirtualPi;
  let console: Console;
  let sdcard: (...words: string[]) => Written;
  let card: string;
  let updatedAt: number | undefined;
  let first: Written;
  let again: { readonly refused: Written; readonly replaced: Written };

  const onCard = (name: string): Buffer => run("mcopy", "-n", "-i", `${card}@@4M`, `::${name}`, "-");

  beforeAll(async () => {
    await ensureBootShim();
    const image = await smallRoot();
    lan = await makeLan("sdcard");
    await lan.server.command("image", "import", image, "--name", "small");
    card = join(lan.dir, "card.img");
    const firmware = join(lan.dataDir, "firmware");
    mkdirSync(firmware, { recursive: true });
    writeFileSync(join(firmware, "pieeprom-2026-01-02.bin"), makeEeprom());
    writeFileSync(join(firmware, "recovery.bin"), "Raspberry Pi's own program");
    const flags = [
      "--server",
      SERVER_ADDRESS,
      "--wifi-ssid",
      "a net",
      "--wifi-psk",
      "12345678",
      "--eeprom",
      "--variant",
      "ethernet",
    ];
    sdcard = (...words) => {
      const { command, env } = lan.server.program;
      const line = [...command, "sdcard", card, ...flags, "--data", lan.dataDir, ...words];
      const done = Bun.spawnSync(line, { env: { ...env, SOURCE_DATE_EPOCH: `${SECONDS}` }, stdin: "ignore" });
      return { exitCode: done.exitCode, words: done.stderr.toString(), card: readFileSync(card) };
    };
    first = sdcard();
    if (first.exitCode !== 0) throw new Error(first.words);
    again = { refused: sdcard(), replaced: sdcard("--yes") };
    truncateSync(card, CARD_BYTES);
    await lan.server.start(
      "--interface",
      "eth0",
      "--http",
      "127.0.0.1:8080",
      "--no-shim-build",
      "--dhcp",
      "off",
    );
    pi = lan.addPi({
      name: "pi3-card",
      profile: "pi3b",
      machine: "raspi3b",
      serial: "000000005b154511",
      mac: "b8:27:eb:15:45:11",
      card,
      changeTree(tree) {
        // QEMU has no Pi 4 with a network; what tells the boards apart here is this word alone.
        const boards = ["raspberrypi,3-model-b", "brcm,bcm2837", "brcm,bcm2711"];
        run("fdtput", "-t", "s", tree, "/", "compatible", ...boards);
        if (updatedAt !== undefined)
          run("fdtput", "-p", "-t", "u", tree, "/chosen/bootloader", "update-timestamp", `${updatedAt}`);
      },
    });
  }, BOOT_TOOLS_TIMEOUT_MS);

  afterAll(async () => {
    await lan?.dispose();
  });

  test("the same input gives the same card, one that is there is not replaced unasked, and what it may do is said", () => {
    expect(again.refused).toMatchObject({ exitCode: 1, words: expect.stringContaining("--yes") });
    expect(again.replaced.exitCode).toBe(0);
    expect(again.replaced.card.equals(first.card)).toBe(true);
    expect(first.words).toContain("never run on a real board");
    expect(first.words).toContain("cannot be taken back");
  });

  test("the firmware of every board finds on it what it starts", async () => {
    for (const [profile, serial0] of [
      ["pi3b", "ttyAMA0"],
      ["pi4", "ttyAMA0"],
      ["pi5", "ttyAMA10"],
    ] as const) {
      const outDir = join(lan.dir, profile);
      const serial = "10000000ddb41a0c";
      const started = await runPiFromCard(card, { profile, serial, mac: "dc:a6:32:b4:1a:0c", outDir });
      expect(started.warnings, profile).toEqual([]);
      expect(started.kernelName).toBe("Image.gz");
      expect(started.cmdline).toContain(`console=${serial0},115200`);
      expect(started.cmdline).toContain(` pinetboot.server=${SERVER_ADDRESS}:8069 pinetboot.eeprom=0xf21`);
    }
  });

  test(
    "the shim comes from the card, prepares on it what Raspberry Pi's ROM would start, and restarts",
    async () => {
      console = await pi.powerOn();
      await console.waitFor(/mmcblk0: p1/, BOOT_MS, /state=fail/);
      await console.waitFor(/the EEPROM gets BOOT_ORDER=0xf21/, BOOT_MS, /state=fail/);
      await pi.waitUntilOff(BOOT_MS);
      const update = onCard("pieeprom.upd");
      expect(EepromImage.parse(update).bootconf()).toContain("BOOT_ORDER=0xf21\n");
      expect(onCard("pieeprom.sig").toString()).toBe(renderSignature(update, SECONDS));
      expect(onCard("recovery.bin").toString()).toBe("Raspberry Pi's own program");
    },
    BOOT_MS * 3,
  );

  test(
    "after the ROM's work it says so, takes the update off the card, and boots from the server that the card names",
    async () => {
      run("mren", "-i", `${card}@@4M`, "::recovery.bin", "::RECOVERY.000");
      updatedAt = SECONDS;
      console = await pi.powerOn();
      await console.waitFor(/the EEPROM was updated/, BOOT_MS, /state=fail|restarting/);
      await console.waitFor(/stage=parameters state=progress/, BOOT_MS, /state=fail/);
      expect(console.text).toMatch(/mmcblk0: mmc[^\n]*128 MiB/);
      expect(await lan.server.command("pi", "list")).toMatchObject([
        { key: pi.key, latest: { stage: "parameters" } },
      ]);
      await lan.server.command("pi", "assign", pi.key, "--image", "small");
      await console.logIn(ROOT_PASSWORD, BOOT_MS);
      expect(await console.run("cat /sys/class/iscsi_connection/*/address")).toBe(SERVER_ADDRESS);
      await pi.unplug();
      const names = run("mdir", "-b", "-i", `${card}@@4M`, "::").toString();
      expect(names).toContain("Image.gz");
      expect(names).not.toMatch(/pieeprom|recovery/i);
      run("fsck.fat", "-n", partitionOf(card));
    },
    BOOT_MS * 2,
  );
});

function run(...command: string[]): Buffer {
  const done = Bun.spawnSync(command, { env: { ...process.env, MTOOLS_SKIP_CHECK: "1" } });
  if (done.exitCode !== 0) throw new Error(`${command.join(" ")}: ${done.stderr.toString()}`);
  return done.stdout;
}

/** The card's partition as a file of its own. */
function partitionOf(card: string): string {
  const path = `${card}.partition`;
  writeFileSync(path, readFileSync(card).subarray(4 * 2 ** 20, 68 * 2 ** 20));
  return path;
}
