/** What config.txt makes the firmware load: pure, from settings and the board's row. */
import type { BoardFiles } from "./boards.ts";
import type { FirmwareConfig } from "./config-txt.ts";

export interface Choices {
  /** Kernels to look for, below `osPrefix`; the first that is there is loaded. */
  readonly kernels: readonly string[];
  readonly is64Bit: boolean;
  /** Where kernel, device tree and cmdline are looked for first. */
  readonly osPrefix: string;
  /** True when config.txt named the prefix; else it is the firmware's own try for mainline kernels. */
  readonly osPrefixIsNamed: boolean;
  readonly overlayPrefix: string;
  readonly deviceTrees: readonly DeviceTreeChoice[];
  readonly cmdline: string;
  readonly armstub: string | undefined;
  readonly initramfs: readonly string[];
  readonly startFile: string;
  readonly fixupFile: string;
  readonly checksOs: boolean;
  readonly enableUart: boolean;
}

export interface DeviceTreeChoice {
  readonly name: string;
  /** Overlay that comes first with this device tree. */
  readonly overlay: string | undefined;
}

/** Kernel names that tell by themselves whether they are 64-bit. */
const KERNELS_64 = new Set(["kernel8.img", "kernel_2712.img"]);
const KERNELS_32 = new Set(["kernel.img", "kernel7.img", "kernel7l.img", "kernel8-32.img"]);

export function choose(config: FirmwareConfig, board: BoardFiles, chip: "" | "4"): Choices {
  const setting = (name: string): string | undefined => config.settings.get(name);
  const wantsMainline = setting("upstream_kernel") === "1";
  const namedPrefix = setting("os_prefix");
  const is64Bit = isArm64(config, board);
  const variant = setting("start_x") === "1" ? "x" : setting("gpu_mem") === "16" ? "cd" : "";
  return {
    kernels: setting("kernel") ? [setting("kernel") ?? ""] : is64Bit ? board.kernels64 : board.kernels32,
    is64Bit,
    osPrefix: namedPrefix ?? (wantsMainline ? "upstream/" : ""),
    osPrefixIsNamed: namedPrefix !== undefined,
    overlayPrefix: setting("overlay_prefix") ?? "overlays/",
    deviceTrees: deviceTrees(setting("device_tree"), wantsMainline, board),
    cmdline: setting("cmdline") ?? "cmdline.txt",
    armstub: setting("armstub") ?? (is64Bit ? board.armstub64 : board.armstub32),
    initramfs: config.initramfs.length > 0 ? config.initramfs : splitFiles(setting("ramfsfile")),
    startFile: setting("start_file") ?? `start${chip}${variant}.elf`,
    fixupFile: setting("fixup_file") ?? `fixup${chip}${variant}.dat`,
    checksOs: setting("os_check") !== "0",
    enableUart: setting("enable_uart") === "1",
  };
}

function isArm64(config: FirmwareConfig, board: BoardFiles): boolean {
  const kernel = config.settings.get("kernel") ?? "";
  if (KERNELS_64.has(kernel)) return true;
  if (KERNELS_32.has(kernel) && board.kernels32.length > 0) return false;
  const asked = config.settings.get("arm_64bit");
  if (asked === undefined || board.kernels32.length === 0) return board.is64BitByDefault;
  return asked !== "0";
}

function deviceTrees(
  named: string | undefined,
  wantsMainline: boolean,
  board: BoardFiles,
): DeviceTreeChoice[] {
  if (named !== undefined) return named === "" ? [] : [{ name: named, overlay: undefined }];
  const own = { name: board.deviceTree, overlay: undefined };
  if (!wantsMainline || board.deviceTree === board.mainlineDeviceTree) return [own];
  return [
    { name: board.mainlineDeviceTree, overlay: undefined },
    { ...own, overlay: board.upstreamOverlay },
  ];
}

function splitFiles(value: string | undefined): string[] {
  return value ? value.split(",") : [];
}
