/**
 * Runs functions of the shim's init under busybox's shell on this machine: its /proc, /sys, /dev and state are folders
 * of the test, and its commands are those that the initramfs has, no others.
 */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { INIT_PARTS } from "../../src/shim/userland/sources.ts";
import { BUSYBOX_COMMANDS } from "../../src/shim/userland/tree.ts";

const FOLDERS = ["bin", "proc", "sys", "dev", "run", "state", "keep/lease", "root", "lib"] as const;

/** Catches a script that never ends. */
const SCRIPT_MS = 60_000;

export interface ShellResult {
  readonly exitCode: number;
  /** What the commands printed, as bytes: parameters may hold any. */
  readonly bytes: Buffer;
  readonly text: string;
  /** What the shim said on its console. */
  readonly said: string;
  readonly errors: string;
}

export class ShimShell {
  readonly dir = mkdtempSync(join(tmpdir(), "pinetboot-shim-shell-"));

  readonly #programs: string[] = [];

  constructor() {
    const busybox = Bun.which("busybox") ?? "busybox";
    for (const folder of FOLDERS) mkdirSync(this.path(folder), { recursive: true });
    for (const command of ["busybox", ...BUSYBOX_COMMANDS]) symlinkSync(busybox, this.path(`bin/${command}`));
    for (const [name, text] of Object.entries(INIT_PARTS)) writeFileSync(this.path(`lib/${name}`), text);
  }

  /** Also ends what a script left running: a loop of init's spins when its folders are gone. */
  dispose(): void {
    for (const process of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
      if (commandLine(process).startsWith(`${this.path("bin/sh")}\0`)) kill(Number(process));
    rmSync(this.dir, { recursive: true, force: true });
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  /** Writes a file of the fake machine, e.g. "proc/cmdline". */
  write(name: string, content: string | Uint8Array): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), content);
  }

  link(name: string, target: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    symlinkSync(target, this.path(name));
  }

  /** Puts a program of the test's own in place of one of the initramfs; busybox's shell prefers its own to the PATH. */
  program(name: string, script: string): void {
    // The shell takes no function of such a name, and has no command of its own that would be preferred.
    if (name.includes("-")) {
      writeFileSync(this.path(`bin/${name}`), `#!${this.path("bin/sh")}\n${script}\n`, { mode: 0o755 });
      return;
    }
    writeFileSync(this.path(`lib/${name}`), `#!${this.path("bin/sh")}\n${script}\n`);
    chmodSync(this.path(`lib/${name}`), 0o755);
    this.#programs.push(`${name}() { "$LIB"/${name} "$@"; }`);
  }

  /** Runs `script` after all parts of init are read, as init reads them. */
  run(script: string): ShellResult {
    // Those that begin with "#!" are programs of their own.
    const names = Object.entries(INIT_PARTS).flatMap(([name, text]) =>
      name.endsWith(".sh") && !text.startsWith("#!") ? [name] : [],
    );
    const at = (name: string): string => `'${this.path(name)}'`;
    const head = [
      `PATH=${at("bin")} PROC=${at("proc")} SYS=${at("sys")} DEV=${at("dev")} RUN=${at("run")}`,
      `RESOLV_CONF=${at("resolv.conf")} STATE=${at("state")} KEEP=${at("keep")} ROOT=${at("root")} LIB=${at("lib")}`,
      "export PATH LC_ALL=C",
      `CONSOLES=${at("console")}`,
      ...names.map((name) => `. "$LIB"/${name}`),
      ...this.#programs,
    ];
    writeFileSync(this.path("console"), "");
    const done = Bun.spawnSync([this.path("bin/sh"), "-c", [...head, script].join("\n")], {
      env: {},
      stdin: "ignore",
      timeout: SCRIPT_MS,
      killSignal: "SIGKILL",
    });
    return {
      exitCode: done.exitCode,
      bytes: done.stdout,
      text: done.stdout.toString("utf8"),
      said: readFileSync(this.path("console"), "utf8"),
      errors: done.stderr.toString("utf8"),
    };
  }
}

/** Empty for a process that has ended meanwhile. */
function commandLine(process: string): string {
  try {
    return readFileSync(`/proc/${process}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

function kill(id: number): void {
  try {
    process.kill(id, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
