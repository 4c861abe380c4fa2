/**
 * Options that Bun's sockets do not offer, set by the C library on Linux; elsewhere the defaults stay, which costs
 * fairness, not correctness.
 */
import { dlopen } from "bun:ffi";

const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
/** glibc, then musl. */
const LIBRARIES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

/**
 * Bun reads one socket again and again while a read fills its 512 KiB buffer, so a fast writer would keep everyone
 * else waiting. With a smaller receive buffer one read empties it, and the next socket gets its turn.
 */
const RECEIVE_BUFFER_BYTES = 128 * 1024;
/**
 * While several are at work, one that writes takes half as much in its turn: a small read beside it is answered in a
 * third of the time, for a sixth of the speed of the writer over loopback.
 */
const CROWDED_RECEIVE_BUFFER_BYTES = 64 * 1024;

const setsockopt = process.platform === "linux" ? loadSetsockopt() : undefined;

function loadSetsockopt() {
  for (const name of LIBRARIES) {
    try {
      const { symbols } = dlopen(name, {
        setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
      });
      return symbols.setsockopt;
    } catch {
      // Another C library: the next name is tried, and none at all is bearable.
      continue;
    }
  }
  return undefined;
}

/** Limits what the system holds of a connection before it is read. Bun's sockets have `fd`, its types do not know. */
export function limitReceiveBuffer(socket: object, isCrowded: boolean): void {
  if (!("fd" in socket) || typeof socket.fd !== "number") return;
  const bytes = isCrowded ? CROWDED_RECEIVE_BUFFER_BYTES : RECEIVE_BUFFER_BYTES;
  setsockopt?.(socket.fd, SOL_SOCKET, SO_RCVBUF, new Int32Array([bytes]), 4);
}
