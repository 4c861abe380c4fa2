/** A PC under QEMU whose program speaks on COM1 and ends the machine by an exit code. */
import { join, resolve } from "node:path";
import { Console } from "../../boot/console.ts";

/** Console logs of the last run. */
const LOGS = resolve(import.meta.dir, "../../../dist/test-logs");

/** What the programs of firmware/ write to isa-debug-exit, 0x10 and 0x11, as QEMU makes exit codes of it. */
export const EXIT_GOOD = 33;
const EXIT_PORT = "0x501";

/** This machine as QEMU's user network shows it. */
export const HOST_FROM_INSIDE = "10.0.2.2";

export interface Machine {
  readonly console: Console;
  /** QEMU's exit code, when the machine has switched itself off. */
  readonly exited: Promise<number>;
  unplug(): Promise<void>;
}

/** Starts a PC; `hardware` are QEMU's words beside those that every test needs. */
export function startPc(name: string, hardware: readonly string[]): Machine {
  const common = "-cpu max -accel tcg -display none -nodefaults -serial stdio -no-reboot".split(" ");
  const exit = ["-device", `isa-debug-exit,iobase=${EXIT_PORT},iosize=1`];
  const qemu = Bun.spawn(["qemu-system-x86_64", ...common, ...exit, ...hardware], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const type = (text: string): void => {
    void qemu.stdin.write(text);
    void qemu.stdin.flush();
  };
  return {
    console: new Console(name, join(LOGS, `${name}.log`), { output: qemu.stdout, type }),
    exited: qemu.exited,
    async unplug() {
      qemu.kill("SIGKILL");
      await qemu.exited;
    },
  };
}
