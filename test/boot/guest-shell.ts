/**
 * A root shell inside a virtual machine beside the shim that runs there, on a console of its own, to look at what a
 * computer at the Pi's USB port would see. It comes with an initramfs that QEMU appends to the shim's own.
 */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { CpioEntry } from "../../src/shim/userland/cpio.ts";
import { Console } from "./console.ts";
import guestInit from "./guest/guest-init.sh" with { type: "text" };

const LOGS = resolve(import.meta.dir, "../../dist/test-logs");
const SCSI_COMMAND_SOURCE = join(import.meta.dir, "guest/scsi-command.c");
/** Words of the kernel's command line that start the shell. */
export const GUEST_CMDLINE = "rdinit=/guest-init";
/** QEMU makes the socket before it starts the machine. */
const CONNECT_TRIES = 300;
const CONNECT_STEP_MS = 100;

/** What goes into that initramfs; a program of its is compiled in `dir` first. */
export function guestEntries(dir: string): CpioEntry[] {
  const program = join(dir, "scsi-command");
  const command = ["aarch64-linux-gnu-gcc", "-static", "-Os", "-o", program, SCSI_COMMAND_SOURCE];
  const compiled = Bun.spawnSync(command);
  if (!compiled.success) throw new Error(compiled.stderr.toString());
  return [
    { type: "file", path: "guest-init", mode: 0o755, content: new TextEncoder().encode(guestInit) },
    { type: "directory", path: "guest", mode: 0o755 },
    { type: "file", path: "guest/scsi-command", mode: 0o755, content: readFileSync(program) },
  ];
}

/** QEMU's flags for the console of the shell, on a socket at `path`. */
export function guestShellFlags(path: string): string[] {
  return [
    "-chardev",
    `socket,id=guest,path=${path},server=on,wait=off`,
    ..."-device virtio-serial-pci -device virtconsole,chardev=guest".split(" "),
  ];
}

/** Connects to the shell of a machine that was just started; its log is kept under `name`. */
export async function openGuestShell(path: string, name: string): Promise<Console> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const connect = () =>
    Bun.connect({
      unix: path,
      socket: {
        data: (_, bytes) => void writer.write(bytes),
        close: () => void writer.close(),
      },
    });
  for (let tries = 0; ; tries++) {
    try {
      const socket = await connect();
      return new Console(name, join(LOGS, `${name}.log`), {
        output: readable,
        type: (text) => void socket.write(text),
      });
    } catch (error) {
      if (tries === CONNECT_TRIES) throw error;
      await Bun.sleep(CONNECT_STEP_MS);
    }
  }
}
