/** What a computer finds on its disk when its power is back: the file system mended, then the server's folder taken out of it. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";

/** e2fsck: nothing to correct, or corrected. */
const MENDED_EXITS = new Set([0, 1]);

/**
 * Mends the ext4 of `image` as a start of the computer does (the journal is replayed) and copies `name` out of it.
 * Throws when the file system itself is damaged, which would say nothing about the server.
 */
export function takeOut(image: string, name: string, folder: string): string {
  const replayed = Bun.spawnSync(["e2fsck", "-E", "journal_only", "-p", image]);
  if (!MENDED_EXITS.has(replayed.exitCode)) throw new Error(`e2fsck: ${replayed.stdout.toString()}`);
  const checked = Bun.spawnSync(["e2fsck", "-f", "-n", image]);
  if (checked.exitCode !== 0) throw new Error(`e2fsck: ${checked.stdout.toString()}`);
  mkdirSync(folder, { recursive: true });
  const taken = Bun.spawnSync(["debugfs", "-R", `rdump /${name} ${folder}`, image]);
  if (taken.exitCode !== 0) throw new Error(`debugfs: ${taken.stderr.toString()}`);
  return join(folder, name);
}
