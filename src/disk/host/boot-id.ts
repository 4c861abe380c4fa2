import { readFileSync } from "node:fs";
import { spawnSync } from "node:child_process";

let known: string | undefined;

/**
 * A name for this run of the machine: 32 hex digits that change with every boot and with nothing else.
 * What only the page cache held is there again exactly while it is the same. Undefined where the system has none:
 * then every unclean end counts as a loss of power.
 */
export function bootId(): string | undefined {
  known ??= readBootId()?.replaceAll("-", "").trim().toLowerCase();
  return known !== undefined && /^[0-9a-f]{32}$/.test(known) ? known : undefined;
}

function readBootId(): string | undefined {
  switch (process.platform) {
    case "linux":
      return readFileSync("/proc/sys/kernel/random/boot_id", "utf8");
    case "darwin":
      return spawnSync("sysctl", ["-n", "kern.bootsessionuuid"], { encoding: "utf8" }).stdout;
    default:
      return undefined;
  }
}
