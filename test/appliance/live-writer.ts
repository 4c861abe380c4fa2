/**
 * The process that is killed: writes to a session's disk without end, and takes one live snapshot after the other.
 * A log entry is a sector and a sequence number, noted once the write has returned. Arguments: data folder, session, log, first number.
 */
import { openSync, writeSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { openAppliance } from "../../src/appliance/index.ts";

const SECTOR = 512;
const [dataFolder = "", id = "", logPath = "", first = "1"] = process.argv.slice(2);

const appliance = await openAppliance({ dataFolder, purpose: "a test" });
const [disk] = await appliance.sessions.enter(appliance.sessions.get(id), "iqn.2026-01.test:writer");
if (!disk) throw new Error("the session has no disk");
const log = openSync(logPath, "a");
const sectors = disk.layer.sizeBytes / SECTOR;
let seed = Number(first) * 7919;
let sequence = Number(first);
let taking = false;

function dice(below: number): number {
  seed = (seed * 48_271) % 0x7fffffff;
  return seed % below;
}

while (true) {
  for (let i = 0; i < 20; i += 1) {
    const at = dice(sectors);
    disk.layer.write(new Uint8Array(new Uint32Array(SECTOR / 4).fill(sequence).buffer), at * SECTOR);
    writeSync(log, new Uint8Array(new Uint32Array([at, sequence]).buffer));
    sequence += 1;
  }
  // Not awaited: writes and the kill are to meet every part of it.
  if (!taking) {
    taking = true;
    void appliance.life
      .snapshot(id, { live: true })
      // The chain has an end, which is no failure here.
      .catch((error: unknown) =>
        String(error).includes("layers already") ? undefined : console.error(error),
      )
      .finally(() => {
        taking = false;
      });
  }
  if (dice(10) === 0) disk.layer.flush().catch((error: unknown) => console.error(error));
  await setImmediate();
}
