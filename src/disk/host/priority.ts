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

/**
 * Lowers a child's priority to a niceness. One that is as low already is left alone: a server that was itself started at
 * a lower priority may not raise a child's. Throws the system's error when there is no such process.
 */
export function lowerPriority(pid: number, niceness: number): void {
  if (getPriority(pid) < niceness) setPriority(pid, niceness);
}
