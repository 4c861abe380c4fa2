import { expect, test } from "bun:test";
import { describeWith } from "../../support/tools.ts";
import { DeviceTree } from "./device-tree.ts";
import { FirmwareStop } from "./files.ts";
import { PROFILES } from "./profiles.ts";

const BOARD = { profile: PROFILES.pi3b, serial: "000000005b154510", mac: "b8:27:eb:15:45:10" };

const BASE = `/dts-v1/;
/ {
  #address-cells = <1>; #size-cells = <1>; model = "as built";
  aliases { serial0 = &uart; ethernet0 = &net; };
  uart: serial@1 { compatible = "brcm,bcm2835-aux-uart"; };
  net: ethernet@2 { };
};`;

const OVERLAY = `/dts-v1/; /plugin/;
/ { fragment@0 { target-path = "/serial@1"; __overlay__ { compatible = "arm,pl011"; }; }; };`;

const OVERLAY_FOR_ANOTHER_BOARD = OVERLAY.replace("/serial@1", "/no/such/node");

describeWith(["dtc", "fdtoverlay", "fdtput"], "the device tree that the firmware hands over", () => {
  test("it has the board's serial, model, MAC and command line", async () => {
    const tree = await DeviceTree.open(compile(BASE));
    await tree.describeBoard(BOARD, "quiet");
    const text = decompile(await tree.bytes());
    await tree.dispose();
    expect(text).toContain('serial-number = "000000005b154510"');
    expect(text).toContain('model = "Raspberry Pi 3 Model B Rev 1.2"');
    expect(text).toContain("local-mac-address = [b8 27 eb 15 45 10]");
    expect(text).toContain('bootargs = "quiet"');
    expect(tree.warnings).toEqual([]);
  });

  test("an overlay is merged, and one that does not fit is passed over with a warning", async () => {
    const tree = await DeviceTree.open(compile(BASE));
    expect(await tree.serial0IsPl011()).toBe(false);
    await tree.apply({ name: "other", bytes: compile(OVERLAY_FOR_ANOTHER_BOARD), parameters: [] });
    expect(tree.warnings).toHaveLength(1);
    await tree.apply({ name: "pl011", bytes: compile(OVERLAY), parameters: [] });
    expect(tree.warnings).toHaveLength(1);
    expect(await tree.serial0IsPl011()).toBe(true);
    await tree.dispose();
  });

  test("a parameter that the device tree does not have is told of", async () => {
    const tree = await DeviceTree.open(compile(BASE));
    await tree.checkParameters(["spi=on"]);
    await tree.dispose();
    expect(tree.warnings).toEqual(["dtparam spi: the device tree has no such parameter"]);
  });

  test("something else under its name stops the boot", async () => {
    const stop = await DeviceTree.open(Uint8Array.of(1, 2, 3)).catch((error: unknown) => error);
    expect(stop).toBeInstanceOf(FirmwareStop);
  });
});

function compile(source: string): Uint8Array {
  return dtc(["-q", "-@", "-I", "dts", "-O", "dtb"], new TextEncoder().encode(source));
}

function decompile(tree: Uint8Array): string {
  return new TextDecoder().decode(dtc(["-q", "-I", "dtb", "-O", "dts"], tree));
}

function dtc(flags: readonly string[], input: Uint8Array): Uint8Array {
  const done = Bun.spawnSync(["dtc", ...flags, "-"], { stdin: input });
  if (done.exitCode !== 0) throw new Error(`dtc: ${done.stderr.toString()}`);
  return done.stdout;
}
