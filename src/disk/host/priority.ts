/** Work that may wait: a thread or a child that steps back behind the thread that answers the sessions. */
import { getPriority, setPriority } from "node:os";
import { dlopen, FFIType } from "bun:ffi";

const PRIO_PROCESS = 0;
/** `who` 0 is the calling thread on Linux, although POSIX says process. */
const THIS_THREAD = 0;
const BEHIND_OTHERS = 10;

/** Makes the calling thread give way to others. Where the system has no such thing, nothing happens. */
export function lowerThreadPriority(): void {
  if (process.platform !== "linux") return;
  for (const name of ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`]) {
    try {
      const library = dlopen(name, {
        setpriority: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
      });
      library.symbols.setpriority(PRIO_PROCESS, THIS_THREAD, BEHIND_OTHERS);
      library.close();
      return;
    } catch (error) {
      // The next name may be this system's C library.
      if (!(error instanceof Error)) throw error;
    }
  }
}

/** The kernel's words for a child that we may not touch. */
const NOT_OURS: ReadonlySet<string> = new Set(["EPERM", "EACCES"]);

/**
 * Lowers a child's priority to a niceness, where that is allowed: a server that was itself started lower may not raise it,
 * and one that gave its rights away may not touch a child of root, which gets them all back (cap_safe_nice in the kernel).
 * The child's work is done all the same. Throws the system's error when there is no such process.
 */
export function lowerPriority(pid: number, niceness: number): void {
  try {
    if (getPriority(pid) < niceness) setPriority(pid, niceness);
  } catch (error) {
    const code = error instanceof Error && "info" in error ? codeOf(error.info) : undefined;
    if (code === undefined || !NOT_OURS.has(code)) throw error;
  }
}

/** Of a SystemError: what the failing call said. */
function codeOf(info: unknown): string | undefined {
  return typeof info === "object" && info !== null && "code" in info && typeof info.code === "string"
    ? info.code
    : undefined;
}
