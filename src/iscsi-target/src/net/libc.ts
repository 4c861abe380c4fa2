/** Calls of the C library that Bun's sockets do not offer. Undefined where they cannot be had: only speed and fairness suffer. */
import { FFIType, dlopen } from "bun:ffi";

/** glibc, then musl. */
const LIBRARIES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

export const libc = process.platform === "linux" ? load() : undefined;

function load() {
  for (const name of LIBRARIES) {
    try {
      return dlopen(name, {
        setsockopt: {
          args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.u32],
          returns: FFIType.i32,
        },
        // Never asked for 2 GiB, so the low half of what it returns is all of it.
        recv: { args: [FFIType.i32, FFIType.ptr, FFIType.u64_fast, FFIType.i32], returns: FFIType.i32 },
      }).symbols;
    } catch {
      // Another C library: the next name is tried, and none at all is bearable.
      continue;
    }
  }
  return undefined;
}

/** The descriptor of one of Bun's sockets, which have `fd` though their types do not know; -1 without one. */
export function descriptorOf(socket: object): number {
  return "fd" in socket && typeof socket.fd === "number" ? socket.fd : -1;
}
