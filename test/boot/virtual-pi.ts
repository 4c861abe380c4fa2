/** A Pi made of two halves: the firmware emulator loads, then QEMU starts exactly those bytes on the same cable. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Lab } from "../sim/net/lab.ts";
import { type PiResult, type ProfileName, runPi, runPiFromCard, type StartedFiles } from "../sim/pi/index.ts";
import { Console } from "./console.ts";
import { GUEST_CMDLINE, guestShellFlags, openGuestShell } from "./guest-shell.ts";
import { askMonitor, monitorFlags } from "./monitor.ts";

/** Console logs of the last run. */
const LOGS = resolve(import.meta.dir, "../../dist/test-logs");

/**
 * The machines that QEMU can be. `raspi3b` takes the device tree as the firmware hands it over, command line included;
 * its network is a USB adapter. `virt` has a device tree of its own, so the command line is given apart.
 */
export type Machine = "raspi3b" | "virt";

/**
 * A kernel before 6.12 does not reset its network card at a reboot: the tap would go on leaving checksums to it, and the
 * firmware of the next start, which is a program, would drop every answer.
 */
const NO_OFFLOADS = "guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off";

export interface VirtualPiOptions {
  readonly name: string;
  readonly profile: ProfileName;
  readonly machine: Machine;
  /** 16 hex digits. */
  readonly serial: string;
  readonly mac: string;
  /** Of `virt` alone; a raspi3b has its board's. */
  readonly memoryMib?: number;
  /** As `memoryMib`; 2 by default. */
  readonly cpus?: number;
  /** An initramfs over the shim's own, with a shell for the test (`guestEntries`). */
  readonly guestInitrd?: string;
  /** Image of an SD card, a power of two in size: the firmware starts from it, and the machine has it in. */
  readonly card?: string;
  /** Changes the device tree that the firmware hands over, a file. */
  readonly changeTree?: (path: string) => void;
}

export class VirtualPi {
  readonly options: VirtualPiOptions;
  readonly #lab: Lab;
  readonly #tap: string;
  readonly #outDir: string;
  #qemu: Bun.Subprocess<"pipe", "pipe", "pipe"> | undefined;
  #boots = 0;

  constructor(lab: Lab, options: VirtualPiOptions) {
    this.#lab = lab;
    this.options = options;
    this.#tap = lab.addTap();
    this.#outDir = mkdtempSync(join(tmpdir(), `virtual-pi-${options.name}-`));
  }

  /** The low half of the serial: the Pi's name on the server. */
  get key(): string {
    return this.options.serial.slice(-8);
  }

  /** The firmware's part alone. */
  async runFirmware(timeFactor = 1): Promise<PiResult> {
    const { profile, serial, mac } = this.options;
    return runPi(this.#lab, { tap: this.#tap, profile, serial, mac, outDir: this.#outDir, timeFactor });
  }

  /** What the firmware starts, from the card or over the network. Rejects when it stops. */
  async #load(): Promise<StartedFiles> {
    const { name, card } = this.options;
    if (card !== undefined) return runPiFromCard(card, { ...this.options, outDir: this.#outDir });
    const result = await this.runFirmware();
    if (result.outcome === "started") return result;
    const last = result.requests.slice(-5).map(({ path, outcome }) => `${path} ${outcome}`);
    throw new Error(`${name}: the firmware stopped: ${result.reason} (last: ${last.join(", ")})`);
  }

  /** Firmware, then kernel; "paused" before its first instruction (monitor: cont). Rejects when the firmware stops. */
  async powerOn(state: "running" | "paused" = "running"): Promise<Console> {
    const result = await this.#load();
    this.options.changeTree?.(result.deviceTreePath);
    this.#boots += 1;
    const name = `${this.options.name}-${this.options.machine}-boot${this.#boots}`;
    const paused = state === "paused" ? ["-S"] : [];
    const command = [...this.#lab.switchRun, ...this.#qemuCommand(result), ...paused];
    const qemu = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
    this.#qemu = qemu;
    const type = (text: string): void => {
      void qemu.stdin.write(text);
      void qemu.stdin.flush();
    };
    return new Console(name, join(LOGS, `${name}.log`), { output: qemu.stdout, type });
  }

  /** Waits until the guest has rebooted or switched itself off. */
  async waitUntilOff(limitMs: number): Promise<void> {
    const qemu = this.#qemu;
    if (!qemu) return;
    const late = setTimeout(() => qemu.kill("SIGKILL"), limitMs);
    await qemu.exited;
    clearTimeout(late);
    this.#qemu = undefined;
    if (qemu.signalCode) throw new Error(`${this.options.name} was not off after ${limitMs / 1000} s`);
  }

  /** The test's shell in the machine that runs (`guestInitrd`). */
  async guestShell(): Promise<Console> {
    return openGuestShell(
      this.#guestPath,
      `${this.options.name}-${this.options.machine}-guest${this.#boots}`,
    );
  }

  /** Pulls the network cable out or puts it back: the machine sees its link go and come. */
  async setCable(state: "in" | "out"): Promise<void> {
    await this.monitor(`set_link lan ${state === "in" ? "on" : "off"}`);
  }

  /** Gives a command to QEMU's monitor and returns its answer. */
  async monitor(command: string): Promise<string> {
    return askMonitor(this.#monitorPath, command);
  }

  /** Stops the whole machine between two instructions, for as long as its computer sleeps. */
  freeze(): void {
    this.#qemu?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#qemu?.kill("SIGCONT");
  }

  /** Pulls the plug. */
  async unplug(): Promise<void> {
    this.#qemu?.kill("SIGKILL");
    await this.#qemu?.exited;
    this.#qemu = undefined;
  }

  /** Pulls the plug and removes what the firmware had loaded. */
  async dispose(): Promise<void> {
    await this.unplug();
    rmSync(this.#outDir, { recursive: true, force: true });
  }

  get #monitorPath(): string {
    return join(this.#outDir, "monitor");
  }

  get #guestPath(): string {
    return join(this.#outDir, "guest");
  }

  #qemuCommand(files: StartedFiles): string[] {
    const { machine, mac, memoryMib = 1024, cpus = 2, card, guestInitrd } = this.options;
    const nic = machine === "raspi3b" ? "usb-net" : `virtio-net-pci,${NO_OFFLOADS}`;
    const initrd = guestInitrd ?? files.initramfsPath;
    const started =
      guestInitrd === undefined ? files : { ...files, cmdline: `${files.cmdline} ${GUEST_CMDLINE}` };
    return [
      "qemu-system-aarch64",
      ...words("-display none -serial stdio -no-reboot"),
      ...monitorFlags(this.#monitorPath),
      ...(machine === "raspi3b" ? raspi3b(files) : virt(started, cpus, memoryMib)),
      "-kernel",
      files.kernelPath,
      ...(initrd ? ["-initrd", initrd] : []),
      ...(guestInitrd === undefined ? [] : guestShellFlags(this.#guestPath)),
      ...(card === undefined ? [] : ["-drive", `if=sd,format=raw,file=${card}`]),
      ...words(`-netdev tap,id=lan,ifname=${this.#tap},script=no,downscript=no`),
      ...words(`-device ${nic},netdev=lan,mac=${mac}`),
    ];
  }
}

function raspi3b(files: StartedFiles): string[] {
  return ["-machine", "raspi3b", "-dtb", files.deviceTreePath];
}

function virt(files: StartedFiles, cpus: number, memoryMib: number): string[] {
  const machine = words(`-machine virt -cpu cortex-a72 -smp ${cpus} -m ${memoryMib} -device virtio-rng-pci`);
  // Whatever UART the served command line names, this machine's only one is the first PL011.
  return [...machine, "-append", files.cmdline.replaceAll(/(?<=console=)ttyAMA\d+/g, "ttyAMA0")];
}

function words(text: string): string[] {
  return text.split(" ");
}
