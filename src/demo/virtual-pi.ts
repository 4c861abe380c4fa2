/** A Raspberry Pi that is none: its firmware's requests made here, its kernel run by QEMU in user space, without rights. */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { withRootProperties } from "./device-tree.ts";
import { runFirmware } from "./firmware.ts";
import { rootProgram } from "./root-program.ts";
import type { TftpPlace } from "./tftp-get.ts";

export const QEMU = "qemu-system-aarch64";
export const MKE2FS = "mke2fs";

/** This computer's loopback as QEMU's user network shows it. */
const HOST_FROM_INSIDE = "10.0.2.2";
const MACHINE = "-machine virt -cpu cortex-a72 -smp 2 -m 512".split(" ");
const IMAGE_SIZE = "16M";

export interface VirtualPiOptions {
  /** 16 hex digits. */
  readonly serial: string;
  readonly mac: string;
  /** The server's TFTP; its other services are at the same address. */
  readonly tftp: TftpPlace;
  /** A folder for what is fetched. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** The Pi's serial console; it ends with the machine. */
export type VirtualPi = Bun.Subprocess<"ignore", "pipe", "pipe">;

/** Path of a program of the system, also where it is not on an ordinary user's PATH. */
export function findProgram(name: string): string | undefined {
  return Bun.which(name, { PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` }) ?? undefined;
}

/** Switches it on: firmware, then kernel. Rejects with what the firmware stops at. `signal` takes its power away. */
export async function powerOn({ serial, mac, tftp, folder, signal }: VirtualPiOptions): Promise<VirtualPi> {
  const { kernel, cmdline } = await runFirmware(tftp, serial, signal);
  await mkdir(folder, { recursive: true });
  const [kernelPath, treePath] = [join(folder, "kernel"), join(folder, "tree.dtb")];
  await writeFile(kernelPath, kernel);
  const dump = Bun.spawnSync([QEMU, "-machine", `virt,dumpdtb=${treePath}`, ...MACHINE.slice(2)]);
  if (dump.exitCode !== 0) throw new Error(`${QEMU}: ${dump.stderr.toString().trim()}`);
  const tree = withRootProperties(await Bun.file(treePath).bytes(), {
    model: "Raspberry Pi 4 Model B (a virtual one of the demo)",
    "serial-number": serial,
  });
  await writeFile(treePath, tree);
  const words = "-display none -monitor none -serial stdio -no-reboot -device virtio-rng-pci".split(" ");
  const files = ["-kernel", kernelPath, "-dtb", treePath, "-append", insideLine(cmdline, tftp.address)];
  const wire = ["-netdev", "user,id=lan", "-device", `virtio-net-pci,netdev=lan,mac=${mac},romfile=`];
  const qemu = Bun.spawn([QEMU, ...MACHINE, ...words, ...files, ...wire], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  signal.addEventListener("abort", () => qemu.kill("SIGKILL"), { once: true });
  if (signal.aborted) qemu.kill("SIGKILL");
  return qemu;
}

/** The served command line as this machine has to see it: its own UART, and the loopback under its name in here. */
export function insideLine(cmdline: string, serverAddress: string): string {
  const line = cmdline.replaceAll(/(?<=console=)(?:ttyAMA\d+|ttyS\d+|serial0)/g, "ttyAMA0");
  if (!serverAddress.startsWith("127.")) return line;
  return `${line.replace(/(?<=pinetboot\.server=)[^:\s]+/, HOST_FROM_INSIDE)} iscsi.ip=${HOST_FROM_INSIDE}`;
}

/** Makes the smallest disk that such a Pi can boot, with mke2fs of e2fsprogs; neither needs rights. */
export async function makeDemoImage(path: string, folder: string): Promise<void> {
  const root = join(folder, "root");
  for (const name of ["sbin", "dev", "proc", "sys", "run", "etc"])
    await mkdir(join(root, name), { recursive: true });
  await writeFile(join(root, "sbin/init"), rootProgram());
  await chmod(join(root, "sbin/init"), 0o755);
  const made = Bun.spawnSync([
    findProgram(MKE2FS) ?? MKE2FS,
    ..."-q -F -t ext4 -L demo -E root_owner=0:0 -d".split(" "),
    root,
    path,
    IMAGE_SIZE,
  ]);
  if (made.exitCode !== 0) throw new Error(`${MKE2FS}: ${made.stderr.toString().trim()}`);
}
