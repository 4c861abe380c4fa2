/**
 * Which mainline device tree each board gets, and the names under which its firmware may ask for it.
 * The firmware asks for the names of Raspberry Pi's own kernel, or, for a mainline kernel
 * (`upstream_kernel=1`), for mainline's first; a name may stand in several rows only with the same tree.
 */

export interface DeviceTreeRow {
  readonly board: string;
  /** File in arch/arm64/boot/dts/broadcom of Linux. */
  readonly mainline: string;
  /** Names of Raspberry Pi's own kernel for the same board. */
  readonly firmware: readonly string[];
}

export const DEVICE_TREES = [
  {
    board: "Pi 2B 1.2",
    mainline: "bcm2837-rpi-2-b.dtb",
    firmware: ["bcm2710-rpi-2-b.dtb"],
  },
  {
    board: "Pi 3B",
    mainline: "bcm2837-rpi-3-b.dtb",
    firmware: ["bcm2710-rpi-3-b.dtb"],
  },
  {
    board: "Pi 3B+",
    mainline: "bcm2837-rpi-3-b-plus.dtb",
    firmware: ["bcm2710-rpi-3-b-plus.dtb"],
  },
  {
    board: "Pi 3A+",
    mainline: "bcm2837-rpi-3-a-plus.dtb",
    firmware: ["bcm2710-rpi-3-a-plus.dtb"],
  },
  {
    board: "CM3",
    mainline: "bcm2837-rpi-cm3-io3.dtb",
    firmware: ["bcm2710-rpi-cm3.dtb"],
  },
  {
    board: "Zero 2 W",
    mainline: "bcm2837-rpi-zero-2-w.dtb",
    firmware: ["bcm2710-rpi-zero-2-w.dtb", "bcm2710-rpi-zero-2.dtb"],
  },
  { board: "Pi 4B", mainline: "bcm2711-rpi-4-b.dtb", firmware: [] },
  { board: "Pi 400", mainline: "bcm2711-rpi-400.dtb", firmware: [] },
  {
    // Mainline describes the module on its IO board alone, which is also the usual carrier.
    board: "CM4",
    mainline: "bcm2711-rpi-cm4-io.dtb",
    firmware: ["bcm2711-rpi-cm4.dtb"],
  },
  { board: "Pi 5", mainline: "bcm2712-rpi-5-b.dtb", firmware: [] },
  {
    // The D0 stepping of the chip moved some pin controllers.
    board: "Pi 5 (D0)",
    mainline: "bcm2712-d-rpi-5-b.dtb",
    firmware: ["bcm2712d0-rpi-5-b.dtb"],
  },
  {
    // Mainline has no tree of the Pi 500; it is a D0 chip with the Pi 5's RP1 and Ethernet.
    board: "Pi 500",
    mainline: "bcm2712-d-rpi-5-b.dtb",
    firmware: ["bcm2712-rpi-500.dtb"],
  },
] as const satisfies readonly DeviceTreeRow[];

/** Mainline file names, each once. */
export function mainlineDeviceTrees(): string[] {
  return [...new Set(DEVICE_TREES.map(({ mainline }) => mainline))];
}

/** Every name under which a tree is answered -> the mainline tree behind it. */
export function deviceTreeNames(): Map<string, string> {
  return new Map(
    DEVICE_TREES.flatMap(({ mainline, firmware }) =>
      [mainline, ...firmware].map((name): [string, string] => [name, mainline]),
    ),
  );
}
