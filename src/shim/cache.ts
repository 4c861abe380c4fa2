import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/**
 * `$XDG_CACHE_HOME/pinetboot`, or `~/.cache/pinetboot`. A relative XDG_CACHE_HOME is ignored, as the
 * XDG Base Directory Specification asks.
 */
export function cacheFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const chosen = env["XDG_CACHE_HOME"];
  const base = chosen && isAbsolute(chosen) ? chosen : join(env["HOME"] ?? homedir(), ".cache");
  return join(base, "pinetboot");
}
