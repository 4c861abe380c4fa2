/** The kernel's table of who is at which address on the wire: a Pi without a name in its requests is known by it. */
import { readFileSync } from "node:fs";
import { errnoOf } from "../errors.ts";

const TABLE = "/proc/net/arp";
/** Flag of an entry whose hardware address is known (ATF_COM). */
const COMPLETE = 0x2;

/** The MAC at an IPv4 address, or undefined when the kernel has not learnt it (or this is not Linux). */
export function neighbourMac(address: string, table: string = readTable()): string | undefined {
  for (const line of table.split("\n").slice(1)) {
    const [ip, , flags, mac] = line.split(/\s+/);
    if (ip === address && mac !== undefined && (Number(flags) & COMPLETE) !== 0) return mac.toLowerCase();
  }
  return undefined;
}

function readTable(): string {
  try {
    return readFileSync(TABLE, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return "";
    throw error;
  }
}
