/**
 * Tells Linux that a neighbour is there. Some Pis answer no ARP while they load a file: after some seconds the
 * kernel would ask, hear nothing, and send them nothing more, in the middle of a transfer whose acknowledgements
 * come in all the time. The flag MSG_CONFIRM on a packet says that the way works (send(2) names TFTP for it).
 */
import { dlopen, FFIType, ptr } from "bun:ffi";

const MSG_DONTWAIT = 0x40;
const MSG_CONFIRM = 0x800;

/** glibc, then musl. */
const LIBRARIES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

function open(library: string) {
  const { symbols } = dlopen(library, {
    send: { args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i64_fast },
  });
  return symbols.send;
}

type Send = ReturnType<typeof open>;

let loaded: Send | undefined | "not yet" = "not yet";

/**
 * Sends a packet on a connected socket and confirms the neighbour by it. Returns false when it was not sent:
 * on other systems, or when the kernel has no room.
 */
export function sendConfirming(fd: number, packet: Uint8Array): boolean {
  if (loaded === "not yet") loaded = load();
  return (
    loaded !== undefined && Number(loaded(fd, ptr(packet), packet.length, MSG_CONFIRM | MSG_DONTWAIT)) >= 0
  );
}

function load(): Send | undefined {
  if (process.platform !== "linux") return undefined;
  for (const library of LIBRARIES) {
    try {
      return open(library);
    } catch (error) {
      // Which of them exists is what this loop finds out.
      if (!(error instanceof Error)) throw error;
    }
  }
  return undefined;
}
