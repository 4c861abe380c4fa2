import { describe } from "bun:test";
import { accessSync, constants } from "node:fs";

/**
 * Declares a suite that needs programs of the system or the rights of root.
 * In CI a missing one fails the suite; on a person's machine the suite is skipped with one line that names it.
 */
export function describeWith(needs: readonly string[], name: string, body: () => void): void {
  const missing = needs.filter((need) => !isThere(need));
  if (missing.length === 0) {
    describe(name, body);
    return;
  }
  if (process.env["CI"]) throw new Error(`${name}: CI must have ${missing.join(", ")}`);
  console.log(`skipped: ${name}: this machine lacks ${missing.join(", ")}`);
  describe.skip(name, body);
}

/** A program's name, an absolute path, or "root" (which also stands for network namespaces and taps). */
function isThere(need: string): boolean {
  if (need === "root")
    return process.getuid?.() === 0 && Bun.which("ip") !== null && canAccess("/dev/net/tun");
  if (need.startsWith("/")) return canAccess(need);
  return Bun.which(need, { PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` }) !== null;
}

function canAccess(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
