/** Work that may wait: a thread that steps back behind the one that answers the sessions. */
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
