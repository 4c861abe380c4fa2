/** What the shim does with a Pi's bootloader EEPROM: by its device tree, its settings in memory, and a card's files. */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { EepromImage } from "../../src/shim/eeprom/eeprom-image.ts";
import { cardEepromFiles } from "../../src/shim/card/eeprom-files.ts";
import { makeEepromUpdate } from "../../src/shim/eeprom/update.ts";
import { CONF_2711, makeEeprom } from "../support/eeprom-maker.ts";
import { describeWith } from "../support/tools.ts";
import { ShimShell } from "./shim-shell.ts";

/** Shells on a busy machine take their time. */
setDefaultTimeout(60_000);

const SECONDS = 1_700_000_000;
const OWN = "[all]\nBOOT_UART=1\nBOOT_ORDER=0xf41\n[gpio4=1]\nBOOT_ORDER=0x3\n";

describeWith(["busybox"], "the bootloader's EEPROM", () => {
  let shell: ShimShell;
  beforeEach(() => {
    shell = new ShimShell();
    shell.write("proc/cmdline", "pinetboot.eeprom=0xf21");
    shell.program("mount", 'mkdir -p "$5"');
    shell.program("umount", ":");
    shell.program("sync", ":");
    shell.program("sleep", ":");
    shell.program("reboot", `echo rebooted >>'${shell.path("rebooted")}'`);
    shell.write("run/card/config.txt", "");
  });
  afterEach(() => shell.dispose());

  const board = (chip: string): void =>
    shell.write("proc/device-tree/compatible", `raspberrypi,x\0brcm,${chip}\0`);
  const settings = (text: string): void => {
    shell.write("sys/bus/nvmem/devices/rmem0/of_node/compatible", "raspberrypi,bootloader-public-key\0");
    shell.write("sys/bus/nvmem/devices/rmem0/nvmem", "BOOT_ORDER=0x2");
    shell.write(
      "sys/bus/nvmem/devices/rmem1/of_node/compatible",
      "raspberrypi,bootloader-config\0nvmem-rmem\0",
    );
    shell.write("sys/bus/nvmem/devices/rmem1/nvmem", `${text}\0\0\0`);
  };
  const image = EepromImage.parse(makeEeprom());
  const card = (): void => {
    const files = cardEepromFiles([{ image, recovery: Buffer.from("program") }], {
      bootOrder: "0xf21",
      seconds: SECONDS,
    });
    for (const [path, content] of files) shell.write(`run/card/${path}`, content);
  };
  const update = () => shell.run("cmdline_read; eeprom_update");
  const written = (name: string): Uint8Array => readFileSync(shell.path(`run/card/${name}`));
  const names = (): string[] => readdirSync(shell.path("run/card")).toSorted();

  test("without a network in its order gets one, with its own settings kept, signed as the official tool does", () => {
    board("bcm2711");
    settings(OWN);
    card();
    const { said, errors } = update();
    expect(said).toContain("BOOT_ORDER=0xf21 (was 0xf41)");
    expect(said).toContain("never tried on a real board");
    expect(errors).toBe("");
    const wanted = makeEepromUpdate(
      image,
      { bootOrder: "0xf21", netconsole: undefined },
      { current: OWN, seconds: SECONDS },
    );
    expect(Buffer.compare(written("pieeprom.upd"), wanted.image)).toBe(0);
    expect(new TextDecoder().decode(written("pieeprom.sig"))).toBe(wanted.signature);
    expect(new TextDecoder().decode(written("recovery.bin"))).toBe("program");
    expect(existsSync(shell.path("rebooted"))).toBe(true);
  });

  test("whose settings cannot be read gets Raspberry Pi's, with the network", () => {
    board("bcm2711");
    card();
    expect(update().said).toContain("was the default");
    expect(EepromImage.parse(written("pieeprom.upd")).bootconf()).toBe(CONF_2711.replace("0xf41", "0xf21"));
  });

  test("with the network in its order stays as it is", () => {
    board("bcm2711");
    settings(OWN.replace("0xf41", "0xf241"));
    card();
    expect(update().said).toContain("tries the network already (BOOT_ORDER=0xf241)");
    expect(names()).toEqual(["config.txt", "eeprom"]);
    expect(existsSync(shell.path("rebooted"))).toBe(false);
  });

  test("after the restart is read back, and the update is off the card", () => {
    board("bcm2711");
    settings(OWN);
    card();
    update();
    shell.write("run/card/RECOVERY.000", "program");
    settings(OWN.replace("0xf41", "0xf21"));
    expect(update().said).toContain("now has BOOT_ORDER=0xf21, read back");
    expect(names()).toEqual(["config.txt", "eeprom"]);
    expect(readFileSync(shell.path("rebooted"), "utf8")).toBe("rebooted\n");
  });

  test("that could not be written is said and left alone: no Pi restarts for ever", () => {
    board("bcm2711");
    settings(OWN);
    card();
    update();
    expect(update().said).toContain("has 0xf41: the update did not happen - it is not tried again");
    expect(update().said).toContain("did not happen");
    expect(readFileSync(shell.path("rebooted"), "utf8")).toBe("rebooted\n");
  });

  test("that says when it was written is believed, where its settings cannot be read", () => {
    board("bcm2711");
    card();
    update();
    shell.write("proc/device-tree/chosen/bootloader/update-timestamp", Buffer.from("6553f100", "hex"));
    expect(update().said).toContain("was updated; its settings cannot be read back");
    shell.write("proc/device-tree/chosen/bootloader/update-timestamp", Buffer.from("6553f101", "hex"));
    expect(update().said).toContain("did not happen");
  });

  test("of another chip than the card has files for, and a board without any, are said and left alone", () => {
    board("bcm2712");
    settings(OWN);
    card();
    expect(update().said).toContain("no bootloader for this board (eeprom/2712)");
    board("bcm2837");
    expect(update().said).toContain("this board has no bootloader EEPROM");
    expect(existsSync(shell.path("rebooted"))).toBe(false);
  });

  test("is not looked at unless the card says so", () => {
    shell.write("proc/cmdline", "quiet");
    board("bcm2711");
    card();
    expect(update().said).toBe("");
  });

  test("takes settings that fill its sector and refuses longer ones, as the editor in TypeScript does", () => {
    for (const behind of [false, true]) {
      const whole = EepromImage.parse(makeEeprom({ behind }));
      const { offset, sizeBytes, isLast } = whole.slot("bootconf.txt");
      for (const length of [0, 41, 4064, 4065, 4072, 4073, 4077]) {
        const text = "x".repeat(length);
        shell.write("state/image", whole.bytes);
        shell.write("state/conf", text);
        const { exitCode } = shell.run(
          `eeprom_put_config "$STATE/image" "$STATE/conf" ${offset} ${sizeBytes} ${isLast ? 1 : 0}`,
        );
        let wanted: Uint8Array | undefined;
        try {
          wanted = whole.withFile("bootconf.txt", Buffer.from(text)).bytes;
        } catch {
          expect(exitCode, `${length}`).not.toBe(0);
        }
        if (wanted)
          expect(Buffer.compare(readFileSync(shell.path("state/image")), wanted), `${length}`).toBe(0);
      }
    }
  });

  test.each([
    ["BOOT_ORDER=0xf41\n", "BOOT_ORDER=0xf21\n"],
    [
      "A=1\r\nBOOT_ORDER = 0x1\r\n[pi4]\r\nBOOT_ORDER=0x3\r\n",
      "A=1\r\nBOOT_ORDER=0xf21\r\n[pi4]\r\nBOOT_ORDER=0x3\r\n",
    ],
    ["[gpio4=1]\nA=1\n", "[gpio4=1]\nA=1\n[all]\nBOOT_ORDER=0xf21\n"],
    ["BOOT_ORDER=0x1\n[ALL]\nBOOT_ORDER=0x4\n", "BOOT_ORDER=0x1\n[ALL]\nBOOT_ORDER=0xf21\n"],
    ["", "BOOT_ORDER=0xf21\n"],
  ])("of %j becomes %j", (before, after) => {
    shell.write("state/conf", before);
    const set = 'awk -v key=BOOT_ORDER -v value=0xf21 -f "$LIB"/bootconf.awk <"$STATE/conf"';
    expect(shell.run(set).text).toBe(after);
  });
});
