/** The flashrom that cards carry, called by the shim's script: Debian's own program for arm64, on a chip that it simulates. */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PackageStore } from "../../src/shim/debian/package-store.ts";
import { currentLock } from "../../src/shim/debian/lock-file.ts";
import { EepromImage } from "../../src/shim/eeprom/eeprom-image.ts";
import { buildSpiPack, FLASHROM_PACKAGES } from "../../src/shim/eeprom/spi-pack.ts";
import { ModuleIndex } from "../../src/shim/modules/module-index.ts";
import { cacheFolder } from "../../src/shim/cache.ts";
import { run } from "../../src/shim/support/run.ts";
import { makeEeprom } from "../support/eeprom-maker.ts";
import { describeWith } from "../support/tools.ts";
import { ShimShell } from "./shim-shell.ts";

/** With the download of the packages, a first time. */
setDefaultTimeout(300_000);

describeWith(["busybox", "xz", "apt-get", "qemu-aarch64-static"], "flashrom as the shim calls it", () => {
  let shell: ShimShell;
  beforeEach(() => {
    shell = new ShimShell();
  });
  afterEach(() => shell.dispose());

  test("reads, writes the settings, verifies, and the chip has what was wanted", async () => {
    const pack = await packOf(shell.path("build"));
    shell.write("run/card/eeprom/spi.cpio.xz", pack);
    shell.write("sys/bus/spi/devices/spi0.0/of_node/compatible", "jedec,spi-nor\0");
    shell.write("sys/bus/spi/drivers/spidev/bind", "");
    shell.write("dev/spidev0.0", "");
    shell.program("insmod", ":");
    shell.program("sync", ":");
    shell.write("chip", makeEeprom());
    // This computer is no Pi: its kernel runs the program by QEMU, and there is no /dev/spidev that could be opened.
    const simulated = `dummy:emulate=VARIABLE_SIZE,size=524288,image=${shell.path("chip")}`;
    const { said, exitCode } = shell.run(`
      EEPROM_WANTED=0xf21 EEPROM_CHIP=2711
      eeprom_flashrom_program() {
        shift 2
        ${Bun.which("qemu-aarch64-static")} "$eeprom_dir/flashrom/ld-linux-aarch64.so.1" \\
          --library-path "$eeprom_dir/flashrom" "$eeprom_dir/flashrom/flashrom" -p '${simulated}' "$@" >'${shell.path("said")}'
        eeprom_code=$?
        cat '${shell.path("said")}' >>'${shell.path("words")}'
        return $eeprom_code
      }
      eeprom_spi`);
    const words = readFileSync(shell.path("words"), "utf8");
    expect(exitCode, `${said}${words}`).toBe(0);
    expect(said).toContain("read back whole and is as it should be");
    expect(words).toContain('Using region: "settings"');
    expect(words).toContain("VERIFIED");
    expect(EepromImage.parse(readFileSync(shell.path("chip"))).bootconf()).toContain("BOOT_ORDER=0xf21\n");
  });
});

/** The archive of a card; its drivers are of no use here, and two files of their names stand in for them. */
async function packOf(dir: string): Promise<Uint8Array> {
  const cacheDir = cacheFolder();
  const store = new PackageStore({ cacheDir, lock: await currentLock(cacheDir) });
  const unpackedAt = (id: string): string => join(dir, id);
  for (const id of FLASHROM_PACKAGES) await store.unpack(await store.fetch(id), unpackedAt(id));
  const drivers = join(dir, "drivers");
  mkdirSync(drivers);
  await Bun.write(join(drivers, "spi-bcm2835.ko"), "none");
  await Bun.write(join(drivers, "spidev.ko"), "none");
  const index = ModuleIndex.parse("spi-bcm2835.ko:\nspidev.ko:\n");
  const pack = await buildSpiPack({
    workDir: join(dir, "pack"),
    unpackedAt,
    modules: { dir: drivers, index },
    run,
  });
  rmSync(dir, { recursive: true });
  return pack;
}
