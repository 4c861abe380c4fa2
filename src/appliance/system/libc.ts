/** The few calls of the C library that Bun has no name for. Each is absent (undefined) where the system has none. */
import { dlopen, FFIType } from "bun:ffi";

const NAMES: Record<string, readonly string[]> = {
  linux: ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"],
  darwin: ["libSystem.B.dylib"],
};

const COMMON = {
  flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
} as const;

const LINUX = {
  prctl: { args: [FFIType.i32, FFIType.u64, FFIType.u64, FFIType.u64, FFIType.u64], returns: FFIType.i32 },
  setresuid: { args: [FFIType.u32, FFIType.u32, FFIType.u32], returns: FFIType.i32 },
  setresgid: { args: [FFIType.u32, FFIType.u32, FFIType.u32], returns: FFIType.i32 },
  setgroups: { args: [FFIType.u64, FFIType.ptr], returns: FFIType.i32 },
  capset: { args: [FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
} as const;

/** `flock(2)`; undefined on a system without it. */
export function loadFlock(): ((fd: number, operation: number) => number) | undefined {
  return load(COMMON)?.symbols.flock;
}

/** The calls that change who the process is and what it may do; Linux only. */
export function loadPrivilegeCalls() {
  return process.platform === "linux" ? load(LINUX)?.symbols : undefined;
}

function load<T extends Parameters<typeof dlopen>[1]>(symbols: T) {
  for (const name of NAMES[process.platform] ?? []) {
    try {
      return dlopen(name, symbols);
    } catch (error) {
      // Another C library (musl, glibc) has another file name: try the next, and let the last one decide.
      if (!(error instanceof Error)) throw error;
    }
  }
  return undefined;
}
