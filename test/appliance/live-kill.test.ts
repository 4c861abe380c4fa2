/** `kill -9` while live snapshots are taken under a writer: not one acknowledged write is lost, flushed or not. */
import { expect, test } from "bun:test";
import { readdirSync, watch } from "node:fs";
import { join } from "node:path";
import { openAppliance } from "../../src/appliance/index.ts";
import { expectCheckClean } from "../disk/qemu.ts";
import { temporaryFolder } from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";

const ROUNDS = process.env["PINETBOOT_LONG"] === "1" ? 100 : 5;
const SECTOR = 512;
const SIZE = 8 * 2 ** 20;
const WORDS_OF_ENTRY = 2;

describeWith(["qemu-img"], "a writer that is killed while live snapshots are taken", () => {
  test(
    `loses nothing in ${ROUNDS} rounds`,
    async () => {
      const folder = temporaryFolder("live-kill");
      const data = join(folder.path, "data");
      const logPath = join(folder.path, "log");
      let sequence = 1;
      let layers = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        // A new session: the chain of each ends after so many snapshots.
        const id = await newSession(data);
        const model = new Uint32Array(SIZE / SECTOR);
        await Bun.write(logPath, "");
        await writeUntilKilled([data, id, logPath, String(sequence)], logPath, 60 + ((round * 37) % 50) * 8);
        const log = new Uint32Array(await Bun.file(logPath).arrayBuffer());
        for (let at = 0; at + 1 < log.length; at += WORDS_OF_ENTRY) {
          sequence = Math.max(sequence, (log[at + 1] ?? 0) + 1);
          model[log[at] ?? 0] = log[at + 1] ?? 0;
        }
        layers = Math.max(layers, await compare(data, id, model, sequence));
        sequence += 1;
      }
      for (const file of readdirSync(join(data, "overlays")))
        await expectCheckClean(join(data, "overlays", file));
      // Otherwise nothing was tried.
      expect(layers).toBeGreaterThan(1);
      folder.dispose();
    },
    ROUNDS * 10_000,
  );
});

async function newSession(dataFolder: string): Promise<string> {
  const appliance = await openAppliance({ dataFolder, purpose: "a test" });
  const { id } = await appliance.sessions.create({ disks: [{ image: "blank", sizeBytes: SIZE }] });
  await appliance.close();
  return id;
}

async function writeUntilKilled(words: readonly string[], logPath: string, afterMs: number): Promise<void> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "live-writer.ts"), ...words], {
    stdout: "ignore",
    stderr: "pipe",
  });
  const watcher = watch(logPath);
  const { promise, resolve } = Promise.withResolvers<void>();
  watcher.on("change", () => {
    if (Bun.file(logPath).size > 0) resolve();
  });
  await Promise.race([promise, child.exited]);
  watcher.close();
  // From the first write on: whatever the moment hits.
  await Bun.sleep(afterMs);
  child.kill("SIGKILL");
  await child.exited;
  expect(await new Response(child.stderr).text()).toBe("");
}

/** Every sector holds what was acknowledged last; one write may be there that was not noted any more. Returns how many files. */
async function compare(
  dataFolder: string,
  id: string,
  model: Uint32Array,
  underWay: number,
): Promise<number> {
  const appliance = await openAppliance({ dataFolder, purpose: "a test" });
  try {
    const [disk] = await appliance.sessions.enter(appliance.sessions.get(id), "iqn.2026-01.test:reader");
    const bytes = new Uint8Array(SIZE);
    await disk?.layer.read(bytes, 0);
    await appliance.sessions.left(id, true);
    const words = new Uint32Array(bytes.buffer);
    for (const [sector, tag] of model.entries()) {
      const found = words[(sector * SECTOR) / 4] ?? 0;
      if (found === tag) continue;
      if (found !== underWay) throw new Error(`sector ${sector} holds ${found}, not ${tag}`);
      model[sector] = found;
    }
    return readdirSync(join(dataFolder, "overlays")).length;
  } finally {
    await appliance.close();
  }
}
