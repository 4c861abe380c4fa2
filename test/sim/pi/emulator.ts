/** A Pi from power-on to the kernel's first instruction: DHCP, TFTP, config.txt, device tree, command line. */
import { BOARD_FILES } from "./boards.ts";
import { makeCommandLine } from "./cmdline.ts";
import { DeviceTree, overlayName } from "./device-tree.ts";
import { askForAddress, type Board, type DhcpOutcome } from "./dhcp/client.ts";
import { type FileRequest, type FileSource, FirmwareStop } from "./files.ts";
import type { Wire } from "./net/tap.ts";
import { UdpStack } from "./net/udp-stack.ts";
import type { Loader, Model } from "./profiles.ts";
import type { LoadedOs, Machine } from "./stages/load-os.ts";
import { runPi3, runRom } from "./stages/pi3.ts";
import { runPi4 } from "./stages/pi4.ts";
import { runPi5 } from "./stages/pi5.ts";
import { TftpFiles } from "./tftp/tftp-files.ts";

/** Pi 3 sends to this address when nobody answers its ARP. */
const PI3_MAC_WITHOUT_ARP = "aa:aa:aa:aa:aa:aa";

export interface PowerOn {
  readonly board: Board;
  readonly wire: Wire;
  /** The folder that the firmware asks below first, with its slash (TFTP_PREFIX of the EEPROM). */
  readonly tftpPrefix: string;
  /** Multiplies every waiting time; 1 is a real Pi's patience. */
  readonly timeFactor: number;
  readonly onDhcp: (loader: string, outcome: DhcpOutcome) => void;
  readonly onRequest: (request: FileRequest) => void;
}

/** What the CPU is started with. */
export interface Started {
  readonly kernelName: string;
  readonly kernel: Uint8Array;
  readonly deviceTreeName: string;
  readonly deviceTree: Uint8Array;
  readonly initramfs: Uint8Array | undefined;
  readonly cmdline: string;
  /** What a real firmware would have passed over in silence. */
  readonly warnings: readonly string[];
}

/** Runs the firmware. Throws FirmwareStop, with the reason, where a real Pi would stop. */
export async function bootPi(power: PowerOn): Promise<Started> {
  const { board, timeFactor } = power;
  const isPi3 = board.profile.model.startsWith("pi3");
  const stack = new UdpStack(power.wire, {
    mac: board.mac,
    timeFactor,
    ...(isPi3 ? { macWithoutArp: PI3_MAC_WITHOUT_ARP } : {}),
  });
  const [first, second] = board.profile.loaders;
  const files = await connect(stack, power, first);
  const machine = machineOf(board);
  if (board.profile.model === "pi4") return start(board, await runPi4(files, machine, power.tftpPrefix));
  if (board.profile.model === "pi5") return start(board, await runPi5(files, machine, power.tftpPrefix));
  await runRom(files);
  if (!second) throw new Error("a Pi 3 has two loaders");
  return start(board, await runPi3(await connect(stack, power, second), machine, power.tftpPrefix));
}

/**
 * Runs the firmware of a Pi with an SD card in: no network, no folder of its own. What a Pi 4's ROM does with a
 * recovery.bin is not emulated. Throws FirmwareStop where a real Pi would stop.
 */
export async function bootPiFromCard(board: Board, files: FileSource): Promise<Started> {
  const machine = machineOf(board);
  switch (board.profile.model) {
    case "pi4":
      return start(board, await runPi4(files, machine, ""));
    case "pi5":
      return start(board, await runPi5(files, machine, ""));
    case "pi3b":
    case "pi3b-plus":
      await runRom(files);
      return start(board, await runPi3(files, machine, ""));
  }
}

async function connect(stack: UdpStack, power: PowerOn, loader: Loader): Promise<TftpFiles> {
  const outcome = await askForAddress(stack, power.board, loader.dhcp, power.timeFactor);
  power.onDhcp(loader.name, outcome);
  stack.setAddress(outcome.address);
  const { timeFactor, onRequest } = power;
  return new TftpFiles(stack, loader, { server: outcome.tftpServer, timeFactor, onRequest });
}

function machineOf(board: Board): Machine {
  const chips = {
    pi3b: "bcm2835",
    "pi3b-plus": "bcm2835",
    pi4: "bcm2711",
    pi5: "bcm2712",
  } as const satisfies Record<Model, string>;
  const facts = { filters: board.profile.filters, serial: board.serial };
  const { model } = board.profile;
  return { facts, files: BOARD_FILES[model], chip: chips[model], overlayName };
}

async function start(board: Board, os: LoadedOs): Promise<Started> {
  const files = BOARD_FILES[board.profile.model];
  const tree = await DeviceTree.open(os.deviceTree);
  try {
    await tree.checkParameters(os.config.parameters);
    for (const overlay of os.overlays) await tree.apply(overlay);
    const isPl011 = await tree.serial0IsPl011();
    const serial0 = isPl011 ? files.serial0.pl011 : files.serial0.miniUart;
    const parts = { deviceTree: await tree.bootArguments(), file: os.cmdline, mac: board.mac, serial0 };
    const cmdline = makeCommandLine(files, parts);
    await tree.describeBoard(board, cmdline);
    const usesUart = cmdline.includes(`console=${serial0}`);
    const isUartOff = files.uartIsOffByDefault && !isPl011 && !os.choices.enableUart;
    const warnings = [...os.warnings, ...tree.warnings];
    if (usesUart && isUartOff) warnings.push(`console=${serial0} stays silent: enable_uart=1 is missing`);
    return {
      kernelName: os.kernelName,
      kernel: os.kernel,
      deviceTreeName: os.deviceTreeName,
      deviceTree: await tree.bytes(),
      initramfs: os.initramfs,
      cmdline,
      warnings,
    };
  } finally {
    await tree.dispose();
  }
}

/** True for the errors that mean "this Pi does not boot", as against faults of the emulator. */
export function isFirmwareStop(error: unknown): error is Error {
  return error instanceof FirmwareStop;
}
