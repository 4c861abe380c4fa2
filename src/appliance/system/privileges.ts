/**
 * Gives away what root is not needed for once the ports are bound. What stays: CAP_NET_BIND_SERVICE and CAP_NET_RAW,
 * since interfaces come and go and their sockets on ports 67 and 69 with them.
 *
 *   under sudo   the process becomes the caller (all threads), and keeps those two capabilities in this thread
 *   plain root   this thread, which does all that the network asks for, keeps the two; files stay root's
 *   otherwise    nothing to give away
 *
 * Capabilities belong to a thread (capabilities(7)): Bun's helper threads of a plain root keep theirs, and a program
 * that is started (the shim's build) runs as root again. Under sudo neither is so: changing the user takes the
 * capabilities from every thread.
 */
import { ptr } from "bun:ffi";
import { statSync } from "node:fs";
import { sudoCaller } from "./caller.ts";
import { loadPrivilegeCalls } from "./libc.ts";

const CAP_DAC_OVERRIDE = 1;
const CAP_NET_BIND_SERVICE = 10;
const CAP_NET_RAW = 13;
const NETWORK = (1 << CAP_NET_BIND_SERVICE) | (1 << CAP_NET_RAW);
/** _LINUX_CAPABILITY_VERSION_3 */
const CAPABILITY_VERSION_3 = 0x20080522;
const PR_SET_KEEPCAPS = 8;

/**
 * What was given away, in words for the log; undefined when there was nothing to give or no way to.
 * A plain root whose data folder is another user's must still write there.
 */
export function dropPrivileges(dataFolder: string): string | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const libc = loadPrivilegeCalls();
  if (!libc) return undefined;
  const caller = sudoCaller();
  if (caller) {
    must("prctl", libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
    must("setgroups", libc.setgroups(0, null));
    must("setresgid", libc.setresgid(caller.gid, caller.gid, caller.gid));
    must("setresuid", libc.setresuid(caller.uid, caller.uid, caller.uid));
  }
  // struct { u32 version; i32 pid; }, then twice { u32 effective, permitted, inheritable }: bits 0-31 and 32-63.
  const foreign = caller === undefined && statSync(dataFolder).uid !== 0;
  const kept = foreign ? NETWORK | (1 << CAP_DAC_OVERRIDE) : NETWORK;
  const header = new Uint32Array([CAPABILITY_VERSION_3, 0]);
  const sets = new Uint32Array([kept, kept, 0, 0, 0, 0]);
  must("capset", libc.capset(ptr(header), ptr(sets)));
  return caller
    ? `running as user ${caller.uid}, with the rights to bind low ports alone`
    : "keeping the rights to bind low ports alone";
}

function must(call: string, result: number): void {
  if (result !== 0) throw new Error(`${call} failed`);
}
