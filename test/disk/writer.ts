/**
 * The process that is killed: writes and discards at random on an overlay, and notes each operation in a log when it
 * begins and again when it has returned. Arguments: overlay, base, log, first sequence number, seed.
 *
 * A log entry is four words: kind (0 write, 1 discard; plus 2 when it only begins), first sector, sectors, sequence number. Every word of a written sector is the number.
 */
import { openSync, writeSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { openOverlay } from "../../src/disk/qcow2/open.ts";
import { openRawFile } from "../../src/disk/raw-file.ts";

const SECTOR = 512;
const [overlayPath = "", basePath = "", logPath = "", firstSequence = "1", seedText = "1"] =
  process.argv.slice(2);

const layer = await openRawFile(basePath, { readOnly: true });
const overlay = await openOverlay(overlayPath, { backing: { name: "base.img", layer } });
const log = openSync(logPath, "a");
const sectors = overlay.sizeBytes / SECTOR;
let seed = Number(seedText);
let sequence = Number(firstSequence);

function dice(below: number): number {
  seed = (seed * 48_271) % 0x7fffffff;
  return seed % below;
}

function note(kind: number, at: number, count: number): void {
  writeSync(log, new Uint8Array(new Uint32Array([kind, at, count, sequence]).buffer));
}

while (true) {
  for (let i = 0; i < 20; i += 1) {
    const kind = dice(8) === 0 ? 1 : 0;
    const at = dice(sectors);
    const count = Math.min(1 + dice(dice(4) === 0 ? 600 : 16), sectors - at);
    note(kind + 2, at, count);
    if (kind === 1) overlay.discard(at * SECTOR, count * SECTOR);
    else
      overlay.write(new Uint8Array(new Uint32Array((count * SECTOR) / 4).fill(sequence).buffer), at * SECTOR);
    note(kind, at, count);
    sequence += 1;
  }
  // Not awaited: the kill is to hit commits as well.
  if (dice(10) === 0) overlay.flush().catch((error: unknown) => console.error(error));
  await setImmediate();
}
