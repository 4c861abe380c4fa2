/**
 * Which device tree each board gets, mainline's or one of ours, and the names under which its firmware may ask for it.
 * The firmware asks for the names of Raspberry Pi's own kernel, or, for a mainline kernel
 * (`upstream_kernel=1`), for mainline's first; a name may stand in several rows only with the same tree.
 */

import cm4s from "./trees/bcm2711-rpi-cm4s.dts" with { type: "text" };
import pi500 from "./trees/bcm2712-rpi-500.dts" with { type: "text" };
import cm5 from "./trees/bcm2712-rpi-cm5.dts" with { type: "text" };

export interface DeviceTreeRow {
  readonly board: string;
  /** File in arch/arm64/boot/dts/broadcom of Linux, or of ours. */
  readonly tree: string;
  /** Source of one that mainline lacks. */
  readonly source?: string;
  /** Names of Raspberry Pi's own kernel for the same board. */
  readonly firmware: readonly string[];
}

export const DEVICE_TREES = [
  {
    board: "Pi 2B 1.2",
    tree: "bcm2837-rpi-2-b.dtb",
    firmware: ["bcm2710-rpi-2-b.dtb"],
  },
  {
    board: "Pi 3B",
    tree: "bcm2837-rpi-3-b.dtb",
    firmware: ["bcm2710-rpi-3-b.dtb"],
  },
  {
    board: "Pi 3B+",
    tree: "bcm2837-rpi-3-b-plus.dtb",
    firmware: ["bcm2710-rpi-3-b-plus.dtb"],
  },
  {
    board: "Pi 3A+",
    tree: "bcm2837-rpi-3-a-plus.dtb",
    firmware: ["bcm2710-rpi-3-a-plus.dtb"],
  },
  {
    board: "CM3",
    tree: "bcm2837-rpi-cm3-io3.dtb",
    firmware: ["bcm2710-rpi-cm3.dtb"],
  },
  {
    board: "Zero 2 W",
    tree: "bcm2837-rpi-zero-2-w.dtb",
    firmware: ["bcm2710-rpi-zero-2-w.dtb", "bcm2710-rpi-zero-2.dtb"],
  },
  { board: "Pi 4B", tree: "bcm2711-rpi-4-b.dtb", firmware: [] },
  { board: "Pi 400", tree: "bcm2711-rpi-400.dtb", firmware: [] },
  {
    // Mainline describes the module on its IO board alone, which is also the usual carrier.
    board: "CM4",
    tree: "bcm2711-rpi-cm4-io.dtb",
    firmware: ["bcm2711-rpi-cm4.dtb"],
  },
  { board: "CM4S", tree: "bcm2711-rpi-cm4s.dtb", source: cm4s, firmware: [] },
  { board: "Pi 5", tree: "bcm2712-rpi-5-b.dtb", firmware: [] },
  {
    // The D0 stepping of the chip moved some pin controllers.
    board: "Pi 5 (D0)",
    tree: "bcm2712-d-rpi-5-b.dtb",
    firmware: ["bcm2712d0-rpi-5-b.dtb"],
  },
  { board: "Pi 500", tree: "bcm2712-rpi-500.dtb", source: pi500, firmware: [] },
  {
    board: "CM5",
    tree: "bcm2712-rpi-cm5.dtb",
    source: cm5,
    firmware: [
      "bcm2712-rpi-cm5-cm5io.dtb",
      "bcm2712-rpi-cm5-cm4io.dtb",
      "bcm2712-rpi-cm5l-cm5io.dtb",
      "bcm2712-rpi-cm5l-cm4io.dtb",
    ],
  },
] as const satisfies readonly DeviceTreeRow[];

const ROWS: readonly DeviceTreeRow[] = DEVICE_TREES;

/** Names of mainline's trees, each once. */
export function mainlineDeviceTrees(): string[] {
  return [...new Set(ROWS.filter(({ source }) => source === undefined).map(({ tree }) => tree))];
}

/** Name -> source of the trees that are ours. */
export function ownDeviceTrees(): Map<string, string> {
  return new Map(ROWS.flatMap(({ tree, source }) => (source === undefined ? [] : [[tree, source]])));
}

/** Every name under which a tree is answered -> the tree behind it. */
export function deviceTreeNames(): Map<string, string> {
  return new Map(
    ROWS.flatMap(({ tree, firmware }) => [tree, ...firmware].map((name): [string, string] => [name, tree])),
  );
}
