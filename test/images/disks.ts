/** A disk to pack and to import: data, holes, and data again. */
import { join } from "node:path";

const MIB = 1 << 20;

export const DISK_BYTES = 40 * MIB;

/** Writes a sparse disk of `DISK_BYTES` into the folder: 3 MiB of noise, text at odd places, nothing else. */
export async function writeDisk(folder: string): Promise<{ readonly path: string; readonly sha256: string }> {
  const disk = Buffer.alloc(DISK_BYTES);
  for (let at = 8 * MIB; at < 11 * MIB; at += 4) disk.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at);
  for (const at of [0, 5 * MIB + 511, 20 * MIB - 3, DISK_BYTES - 20]) disk.write("pinetboot", at);
  disk.fill("the same again ", 30 * MIB, 30 * MIB + 300_000);
  const path = join(folder, "disk.img");
  await Bun.write(path, disk);
  return { path, sha256: Bun.SHA256.hash(disk, "hex") };
}

/** Runs a shell line; throws with its words when it fails. */
export function shell(folder: string, line: string): void {
  const { exitCode, stderr } = Bun.spawnSync(["sh", "-ec", line], { cwd: folder });
  if (exitCode !== 0) throw new Error(`${line}: ${stderr.toString()}`);
}
