/** What lies where in the initramfs. */
import type { CpioEntry } from "./cpio.ts";
import type { ProgramName } from "./programs.ts";
import { INIT, INIT_PARTS } from "./sources.ts";

/** Commands that the scripts call by name: links to busybox. */
export const BUSYBOX_COMMANDS = [
  "arping",
  "awk",
  "blockdev",
  "cat",
  "chmod",
  "chroot",
  "cp",
  "cpio",
  "cut",
  "date",
  "dd",
  "dmesg",
  "find",
  "fold",
  "grep",
  "gunzip",
  "head",
  "hexdump",
  "insmod",
  "ip",
  "kill",
  "ln",
  "ls",
  "mkdir",
  "modprobe",
  "mount",
  "mv",
  "printf",
  "readlink",
  "reboot",
  "rm",
  "rmdir",
  "sed",
  "sh",
  "sha256sum",
  "sleep",
  "sort",
  "stty",
  "sync",
  "tail",
  "tftp",
  "tr",
  "umount",
  "uname",
  "unix2dos",
  "wc",
  "wget",
  "xargs",
  "xzcat",
] as const;

const DIRECTORIES = ["bin", "dev", "etc", "lib", "lib/shim", "proc", "sbin", "sys"] as const;

/** Programs that only a shim with WiFi has. */
export type WifiProgramName = "wpa-ask" | "wpa_supplicant";

export interface Programs extends Readonly<Record<Exclude<ProgramName, WifiProgramName>, Uint8Array>> {
  readonly busybox: Uint8Array;
}

/** Every entry of the initramfs. The two device nodes are what the kernel opens before /dev is mounted. */
export function initramfsTree(programs: Programs): CpioEntry[] {
  return [
    ...DIRECTORIES.map((path) => ({ type: "directory" as const, path, mode: 0o755 })),
    { type: "character", path: "dev/console", mode: 0o600, major: 5, minor: 1 },
    { type: "character", path: "dev/null", mode: 0o666, major: 1, minor: 3 },
    text("init", INIT, 0o755),
    ...Object.entries(INIT_PARTS).map(([name, content]) => text(`lib/shim/${name}`, content, 0o644)),
    program("bin/busybox", programs.busybox),
    ...BUSYBOX_COMMANDS.map((name) => ({
      type: "link" as const,
      path: `bin/${name}`,
      target: "busybox",
    })),
    program("bin/font", programs.font),
    program("bin/find-servers", programs["find-servers"]),
    // Where the kernel itself looks for it, when a driver asks for another module.
    { type: "link", path: "sbin/modprobe", target: "../bin/busybox" },
    program("bin/keep", programs.keep),
    program("sbin/helpdisk", programs.helpdisk),
    program("bin/kexec-load", programs["kexec-load"]),
    program("bin/kexec-tree", programs["kexec-tree"]),
    program("bin/unzstd", programs.unzstd),
    program("sbin/iscsid", programs.iscsid),
    program("sbin/iscsistart", programs.iscsistart),
  ];
}

/** What a shim with WiFi has beside that; its drivers and their firmware are not among it. */
export function wifiTree(programs: Readonly<Record<WifiProgramName, Uint8Array>>): CpioEntry[] {
  return [
    program("bin/wpa-ask", programs["wpa-ask"]),
    program("sbin/wpa_supplicant", programs.wpa_supplicant),
  ];
}

function text(path: string, content: string, mode: number): CpioEntry {
  return { type: "file", path, mode, content: new TextEncoder().encode(content) };
}

function program(path: string, content: Uint8Array): CpioEntry {
  return { type: "file", path, mode: 0o755, content };
}
