/** What the shim does with the EEPROM's chip where the card has nothing of Raspberry Pi's: with a flashrom of the test's. */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { EepromImage } from "../../src/shim/eeprom/eeprom-image.ts";
import { makeEepromUpdate } from "../../src/shim/eeprom/update.ts";
import { type CpioEntry, encodeCpio } from "../../src/shim/userland/cpio.ts";
import { makeEeprom } from "../support/eeprom-maker.ts";
import { describeWith } from "../support/tools.ts";
import { ShimShell } from "./shim-shell.ts";

/** Shells on a busy machine take their time. */
setDefaultTimeout(60_000);

/**
 * A chip that is a file. `mood` has it behave like a bad one: "absent", "unsteady" (every reading differs), "stuck" (takes
 * no writes), "once" (takes the second write), "torn" (a write leaves something else behind, and then nothing helps).
 */
const FLASHROM = `
chip=$MACHINE/chip; mood=$(cat $MACHINE/mood 2>/dev/null)
for word; do last=$word; done
echo "$@" >>$MACHINE/calls
echo "flashrom v1 on Linux"
case "$*" in
  *" -r "*)
    [ "$mood" != absent ] || { echo "No EEPROM/flash device found."; echo "Note: look elsewhere"; exit 1; }
    cp $chip "$last"
    [ "$mood" != unsteady ] || echo x >>$chip ;;
  *" -w "*)
    while [ "$1" != -l ]; do shift; done
    cp "$2" $MACHINE/layout
    case "$mood" in
      stuck) echo "Erase failed"; exit 1 ;;
      once) echo >$MACHINE/mood; exit 1 ;;
      torn) echo x >$chip; echo "Verify failed"; exit 1 ;;
      *) cp "$last" $chip ;;
    esac ;;
esac
`;

describeWith(["busybox", "xz"], "the chip of the bootloader's EEPROM", () => {
  let shell: ShimShell;
  beforeEach(() => {
    shell = new ShimShell();
    shell.write("proc/cmdline", "pinetboot.eeprom=0xf21");
    shell.write("proc/device-tree/compatible", "raspberrypi,x\0brcm,bcm2711\0");
    shell.program("mount", 'mkdir -p "$5"');
    for (const name of ["umount", "sync", "sleep", "insmod"]) shell.program(name, ":");
    shell.program("reboot", `echo rebooted >>'${shell.path("rebooted")}'`);
    shell.write("run/card/config.txt", "arm_64bit=1\n[pi4]\ndtoverlay=eeprom-spi\n[all]\n");
    shell.write("run/card/eeprom/spi.cpio.xz", pack(shell));
    shell.write("sys/bus/spi/devices/spi0.0/of_node/compatible", "jedec,spi-nor\0");
    shell.write("sys/bus/spi/drivers/spidev/bind", "");
    shell.write("dev/spidev0.0", "");
    shell.write("chip", makeEeprom());
  });
  afterEach(() => shell.dispose());

  const update = () => shell.run("cmdline_read; eeprom_update");
  const chip = (): Uint8Array => readFileSync(shell.path("chip"));
  const isReset = (): boolean => existsSync(shell.path("rebooted"));
  const untouched = (image = makeEeprom()): void => {
    expect(Buffer.compare(chip(), image)).toBe(0);
    expect(isReset()).toBe(false);
    expect(existsSync(shell.path("run/card/eeprom/tried"))).toBe(false);
    expect(readFileSync(shell.path("calls"), "utf8")).not.toContain(" -w ");
  };

  test.each([
    ["a Pi 4", makeEeprom()],
    ["a Pi 4, with something behind the settings", makeEeprom({ behind: true })],
  ])("of %s gets the order as the editor in TypeScript would, in the settings' sectors alone", (_, image) => {
    shell.write("chip", image);
    const { said, errors } = update();
    expect(said).toContain(
      "gets BOOT_ORDER=0xf21 (was 0xf41) by flashrom over SPI (never tried on a real board)",
    );
    expect(said).toContain("read back whole and is as it should be: BOOT_ORDER=0xf21; restarting");
    expect(errors).toBe("");
    expect(isReset()).toBe(true);
    const whole = EepromImage.parse(image);
    const wishes = { bootOrder: "0xf21", netconsole: undefined };
    const wanted = makeEepromUpdate(whole, wishes, { current: undefined, seconds: 0 });
    expect(Buffer.compare(chip(), wanted.image)).toBe(0);
    expect(Buffer.compare(readFileSync(shell.path("run/card/eeprom/before.bin")), image)).toBe(0);
    const [first = 0, last = 0] = readFileSync(shell.path("layout"), "utf8")
      .split(/[: ]/)
      .slice(0, 2)
      .map((hex) => Number(`0x${hex}`));
    const sector = Math.floor(whole.slot("bootconf.txt").offset / 4096) * 4096;
    expect([first, last]).toEqual([sector, sector + 4095]);
  });

  test("is bound to spidev, and out of the device tree of the next start", () => {
    update();
    expect(readFileSync(shell.path("sys/bus/spi/devices/spi0.0/driver_override"), "utf8")).toBe("spidev\n");
    expect(readFileSync(shell.path("calls"), "utf8")).toContain(
      `-p linux_spi:dev=${shell.path("dev/spidev0.0")},spispeed=8000 `,
    );
    expect(readFileSync(shell.path("run/card/config.txt"), "utf8")).toBe("arm_64bit=1\n[pi4]\n[all]\n");
  });

  test("that tries the network already, by what is in the chip, stays as it is", () => {
    const image = makeEeprom({ bootconf: "BOOT_ORDER=0xf12\n" });
    shell.write("chip", image);
    expect(update().said).toContain("tries the network already (BOOT_ORDER=0xf12 in the chip)");
    untouched(image);
  });

  test.each([
    ["absent", "flashrom does not know the chip, or cannot read it (No EEPROM/flash device found.)"],
    ["unsteady", "reading the chip twice gave two answers"],
  ])("that is %s is left alone in words", (mood, words) => {
    shell.write("mood", mood);
    expect(update().said).toContain(`nothing was written: ${words}`);
    expect(isReset()).toBe(false);
    expect(readFileSync(shell.path("calls"), "utf8")).not.toContain(" -w ");
    expect(readFileSync(shell.path("run/card/config.txt"), "utf8")).not.toContain("eeprom-spi");
  });

  test.each([
    [
      "has another size",
      makeEeprom().subarray(0, 262_144),
      "the chip has 262144 bytes, and this board's EEPROM has 524288",
    ],
    [
      "is empty",
      new Uint8Array(524_288).fill(0xff),
      "no bootloader that is known here (there is no bootconf.txt)",
    ],
    ["has something else", new Uint8Array(524_288).fill(0x5a), "no section of a bootloader begins at 0"],
    [
      "is signed",
      makeEeprom({ files: { "pubkey.bin": new Uint8Array(32).fill(7) } }),
      "it is signed for secure boot",
    ],
    ["protects itself", makeEeprom({ bootconf: "EEPROM_WRITE_PROTECT=1\n" }), "its own settings protect it"],
    [
      "has no room",
      makeEeprom({ bootconf: `A=${"x".repeat(4060)}\n` }),
      "the settings with the new order do not fit",
    ],
  ])("that %s is left alone in words", (_, image, words) => {
    shell.write("chip", image);
    expect(update().said).toContain(words);
    untouched(Buffer.from(image));
  });

  test("without its drivers, its device tree or its programs is left alone in words", () => {
    shell.write("run/card/eeprom/spi.cpio.xz", "torn");
    expect(update().said).toContain("eeprom/spi.cpio.xz cannot be unpacked");
    shell.write("run/card/eeprom/spi.cpio.xz", pack(shell));
    shell.write("sys/bus/spi/devices/spi0.0/of_node/compatible", "microchip,mcp2515\0");
    expect(update().said).toContain("no SPI flash is in this Pi's device tree");
    expect(existsSync(shell.path("calls"))).toBe(false);
  });

  test("that takes the second write is written", () => {
    shell.write("mood", "once");
    expect(update().said).toContain("at the second try, read back whole");
    expect(EepromImage.parse(chip()).bootconf()).toContain("BOOT_ORDER=0xf21");
    expect(isReset()).toBe(true);
  });

  test("that takes no writes is said to be as it was, and is not tried again", () => {
    shell.write("mood", "stuck");
    expect(update().said).toContain("could not be written (Erase failed); it is again as it was, read back");
    expect(Buffer.compare(chip(), makeEeprom())).toBe(0);
    expect(isReset()).toBe(false);
    shell.write("calls", "");
    expect(update().said).toContain("it is not tried again");
    expect(readFileSync(shell.path("calls"), "utf8")).toBe("");
  });

  test("that is something else afterwards is said, with where the old content lies", () => {
    shell.write("mood", "torn");
    const { said } = update();
    expect(said).toContain("could not be written (Verify failed) and is NOT as it was");
    expect(said).toContain("eeprom/before.bin on the card");
    expect(Buffer.compare(readFileSync(shell.path("run/card/eeprom/before.bin")), makeEeprom())).toBe(0);
  });

  test("is not touched where the card has Raspberry Pi's own programs", () => {
    shell.write("run/card/eeprom/2711/recovery.bin", "");
    shell.write("run/card/eeprom/2711/pieeprom.bin", makeEeprom());
    shell.write("run/card/eeprom/2711/slot", "0 0 0");
    shell.write("run/card/eeprom/time", "1");
    expect(update().said).toContain("recovery.bin");
    expect(existsSync(shell.path("calls"))).toBe(false);
  });

  test("after the restart is believed by what is in force", () => {
    update();
    expect(update().said).toContain("its settings cannot be read back here");
    shell.write("sys/bus/nvmem/devices/rmem0/of_node/compatible", "raspberrypi,bootloader-config\0");
    shell.write("sys/bus/nvmem/devices/rmem0/nvmem", "BOOT_ORDER=0xf21\n\0");
    expect(update().said).toContain("now has BOOT_ORDER=0xf21, read back");
  });
});

/** The card's archive, with the test's flashrom in place of Debian's: what starts it is its loader. */
function pack(shell: ShimShell): Uint8Array {
  const script = `#!${shell.path("bin/sh")}\nMACHINE=${shell.dir}\nPATH=${shell.path("bin")}${FLASHROM}`;
  const archive = encodeCpio([
    { type: "directory", path: "flashrom", mode: 0o755 },
    { type: "directory", path: "modules", mode: 0o755 },
    program("flashrom/flashrom", "none"),
    program("flashrom/ld-linux-aarch64.so.1", script),
    ...["spi-bcm2835", "spidev"].map((name) => program(join("modules", `${name}.ko`), "none")),
  ]);
  return Bun.spawnSync(["xz", "--check=crc32"], { stdin: archive }).stdout;
}

function program(path: string, content: string): CpioEntry {
  return { type: "file", path, mode: 0o755, content: new TextEncoder().encode(content) };
}
