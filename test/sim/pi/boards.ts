/** What the firmware of each model looks for by itself: file names as rows. */
import type { Model } from "./profiles.ts";

export interface BoardFiles {
  /** Device trees under the firmware's (Raspberry Pi's kernel) names and under mainline Linux's. */
  readonly deviceTree: string;
  readonly mainlineDeviceTree: string;
  /** Applied by itself when a mainline kernel is wanted and only the firmware's device tree is there. */
  readonly upstreamOverlay: string | undefined;
  /** Kernels looked for without a `kernel=` line, first found wins. */
  readonly kernels64: readonly string[];
  readonly kernels32: readonly string[];
  readonly is64BitByDefault: boolean;
  readonly armstub64: string;
  readonly armstub32: string | undefined;
  /** What `serial0` of cmdline.txt becomes, by the UART that the device tree calls so. */
  readonly serial0: { readonly miniUart: string; readonly pl011: string };
  /** True when the UART is only switched on by `enable_uart=1` (or by giving Bluetooth's up). */
  readonly uartIsOffByDefault: boolean;
  /** Words that the firmware puts before cmdline.txt, besides the MAC. */
  readonly commandLine: string;
}

const PI3 = {
  upstreamOverlay: "upstream",
  kernels64: ["kernel8.img"],
  kernels32: ["kernel8-32.img", "kernel7.img", "kernel.img"],
  is64BitByDefault: false,
  armstub64: "armstub8.bin",
  armstub32: "armstub8-32.bin",
  serial0: { miniUart: "ttyS0", pl011: "ttyAMA0" },
  uartIsOffByDefault: true,
  commandLine: "vc_mem.mem_base=0x3ec00000 vc_mem.mem_size=0x40000000",
} as const;

export const BOARD_FILES = {
  pi3b: {
    ...PI3,
    deviceTree: "bcm2710-rpi-3-b.dtb",
    mainlineDeviceTree: "bcm2837-rpi-3-b.dtb",
  },
  "pi3b-plus": {
    ...PI3,
    deviceTree: "bcm2710-rpi-3-b-plus.dtb",
    mainlineDeviceTree: "bcm2837-rpi-3-b-plus.dtb",
  },
  pi4: {
    deviceTree: "bcm2711-rpi-4-b.dtb",
    mainlineDeviceTree: "bcm2711-rpi-4-b.dtb",
    upstreamOverlay: "upstream-pi4",
    kernels64: ["kernel8.img"],
    kernels32: ["kernel7l.img", "kernel7.img", "kernel.img"],
    is64BitByDefault: true,
    armstub64: "armstub8-gic.bin",
    armstub32: "armstub7.bin",
    serial0: { miniUart: "ttyS0", pl011: "ttyAMA0" },
    uartIsOffByDefault: true,
    commandLine: "vc_mem.mem_base=0x3ec00000 vc_mem.mem_size=0x40000000",
  },
  pi5: {
    deviceTree: "bcm2712-rpi-5-b.dtb",
    mainlineDeviceTree: "bcm2712-rpi-5-b.dtb",
    upstreamOverlay: undefined,
    kernels64: ["kernel_2712.img", "kernel8.img"],
    kernels32: [],
    is64BitByDefault: true,
    armstub64: "armstub8-2712.bin",
    armstub32: undefined,
    serial0: { miniUart: "ttyAMA10", pl011: "ttyAMA10" },
    uartIsOffByDefault: false,
    commandLine: "vc_mem.mem_base=0x3fc00000 vc_mem.mem_size=0x40000000",
  },
} as const satisfies Record<Model, BoardFiles>;
