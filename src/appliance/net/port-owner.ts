/** Which process holds a port, as far as the kernel lets us see. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** State of a listening TCP socket in /proc/net/tcp. */
const TCP_LISTEN = "0A";

/** "dnsmasq (process 812)", or undefined when it cannot be told (another user's process, not Linux). */
export function portOwner(protocol: "tcp" | "udp", port: number): string | undefined {
  const inodes = new Set([...inodesOf(protocol, port), ...inodesOf(`${protocol}6`, port)]);
  if (inodes.size === 0) return undefined;
  for (const pid of listFolder("/proc").filter((name) => /^\d+$/.test(name))) {
    for (const fd of listFolder(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined && inodes.has(inode))
        return `${read(`/proc/${pid}/comm`).trim()} (process ${pid})`;
    }
  }
  return undefined;
}

function inodesOf(table: string, port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  return read(`/proc/net/${table}`)
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(
      ([, local, , state]) =>
        local?.endsWith(`:${wanted}`) && (table.startsWith("udp") || state === TCP_LISTEN),
    )
    .map((fields) => fields[9] ?? "");
}

/** Processes end while we look, and other users' are closed to us: what cannot be read is nothing. */
function orNothing<T>(look: () => T, nothing: T): T {
  try {
    return look();
  } catch {
    return nothing;
  }
}

const listFolder = (path: string): string[] => orNothing(() => readdirSync(path), []);
const linkOf = (path: string): string => orNothing(() => readlinkSync(path), "");
const read = (path: string): string => orNothing(() => readFileSync(path, "utf8"), "");
