/**
 * The Debian mirror of this machine. The project names no host: whatever apt already uses here is used
 * for every other suite as well.
 */
import { existsSync } from "node:fs";
import { ShimError } from "../support/shim-error.ts";
import type { Run } from "../support/run.ts";

/** Overrides the machine's mirror, for machines whose apt does not speak to a Debian one. */
export const MIRROR_VARIABLE = "PINETBOOT_DEBIAN_MIRROR";

const KEYRINGS = [
  "/usr/share/keyrings/debian-archive-keyring.gpg",
  "/usr/share/keyrings/debian-archive-keyring.pgp",
] as const;

/** `apt-get indextargets` fields, one line per index. */
const FORMAT = "$(REPO_URI)|$(ORIGIN)|$(LABEL)|$(COMPONENT)";

/**
 * Picks the mirror out of the lines of `apt-get indextargets` in our format.
 * Origin and Label are empty until the first `apt-get update`; then the last part of the address tells.
 */
export function pickMirror(lines: readonly string[]): string | undefined {
  const rows = lines.map((line) => line.split("|")).filter((row) => row[3] === "main");
  const known = rows.find(([, origin, label]) => origin === "Debian" && label === "Debian");
  const likely = rows.find(([uri, origin]) => origin === "" && /\/debian\/?$/.test(uri ?? ""));
  return (known ?? likely)?.[0];
}

/**
 * Address of the Debian mirror that apt uses on this machine.
 *
 * @throws ShimError "no-debian-mirror"
 */
export async function findMirror(run: Run): Promise<string> {
  const chosen = process.env[MIRROR_VARIABLE];
  if (chosen) return chosen;
  const fix = `run it on Debian, or name a Debian mirror in ${MIRROR_VARIABLE}`;
  if (Bun.which("apt-get") === null)
    throw new ShimError(
      "no-debian-mirror",
      "the shim is built from Debian's packages, and there is no apt here",
      fix,
    );
  const answer = await run(["apt-get", "indextargets", "--format", FORMAT, "Created-By: Packages"]);
  const mirror = pickMirror(answer.split("\n"));
  if (mirror === undefined)
    throw new ShimError("no-debian-mirror", "apt on this machine knows no Debian mirror", fix);
  return mirror;
}

/** Path of Debian's keyring on this machine; undefined leaves the choice of keys to apt's own folder of them. */
export function findKeyring(): string | undefined {
  return KEYRINGS.find((path) => existsSync(path));
}
