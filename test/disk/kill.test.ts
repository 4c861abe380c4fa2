/** `kill -9` at any moment: not one acknowledged write is lost, flushed or not, and the file is in order afterwards. */
import { expect, test } from "bun:test";
import { watch } from "node:fs";
import { join } from "node:path";
import { createOverlay } from "../../src/disk/qcow2/create.ts";
import { openOverlay } from "../../src/disk/qcow2/open.ts";
import { openRawFile } from "../../src/disk/raw-file.ts";
import { readAll } from "../support/layer-contract.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { describeWith } from "../support/tools.ts";
import { expectCheckClean } from "./qemu.ts";

const ROUNDS = process.env["PINETBOOT_LONG"] === "1" ? 200 : 25;
const SECTOR = 512;
const SIZE = 24 * 2 ** 20;
const BASE_TAG = 0xba5e0000;
const WORDS_OF_ENTRY = 4;

describeWith(["qemu-img"], "a writer that is killed again and again", () => {
  const folder = temporaryFolder("kill");
  const [overlayPath, basePath, logPath] = [
    join(folder, "o.qcow2"),
    join(folder, "base.img"),
    join(folder, "log"),
  ];

  test(
    `loses nothing in ${ROUNDS} rounds`,
    async () => {
      const base = new Uint32Array((8 * 2 ** 20) / 4).fill(BASE_TAG);
      await Bun.write(basePath, base);
      const baseHash = Bun.SHA256.hash(base, "hex");
      await createOverlay(overlayPath, { sizeBytes: SIZE, backing: { name: "base.img", format: "raw" } });
      const model = new Uint32Array(SIZE / SECTOR).fill(BASE_TAG, 0, base.byteLength / SECTOR);
      let sequence = 1;
      for (let round = 1; round <= ROUNDS; round += 1) {
        await Bun.write(logPath, "");
        await writeUntilKilled(round, sequence);
        const underWay = readLog(new Uint32Array(await Bun.file(logPath).arrayBuffer()), model);
        const layer = await openRawFile(basePath, { readOnly: true });
        const overlay = await openOverlay(overlayPath, { backing: { name: "base.img", layer } });
        expect(overlay.recovery.kind).toBe("killed");
        compare(model, await readAll(overlay), underWay);
        sequence = underWay.tag + 1;
        await overlay.close();
        await expectCheckClean(overlayPath);
      }
      expect(Bun.SHA256.hash(await Bun.file(basePath).arrayBuffer(), "hex")).toBe(baseHash);
    },
    ROUNDS * 10_000,
  );

  /** Kills the writer at a time of its log that differs from round to round. */
  async function writeUntilKilled(round: number, sequence: number): Promise<void> {
    const script = join(import.meta.dir, "writer.ts");
    const child = Bun.spawn(
      [process.execPath, script, overlayPath, basePath, logPath, String(sequence), String(round * 7919)],
      { stdout: "ignore", stderr: "pipe" },
    );
    const enough = ((round * 37) % 50) * 16 * 20 + 16 * round;
    const watcher = watch(logPath);
    const { promise, resolve } = Promise.withResolvers<void>();
    watcher.on("change", () => {
      if (Bun.file(logPath).size >= enough) resolve();
    });
    await Promise.race([promise, child.exited]);
    watcher.close();
    child.kill("SIGKILL");
    await child.exited;
    expect(await new Response(child.stderr).text()).toBe("");
  }
});

interface Operation {
  readonly first: number;
  readonly end: number;
  /** What its sectors hold afterwards. */
  readonly fill: number;
  readonly tag: number;
}

/** Applies what was acknowledged to the model, and returns the last operation: if it only began, it is there or not. */
function readLog(log: Uint32Array, model: Uint32Array): Operation {
  let last: Operation = { first: 0, end: 0, fill: 0, tag: 0 };
  for (let at = 0; at + WORDS_OF_ENTRY <= log.length; at += WORDS_OF_ENTRY) {
    const [kind = 0, first = 0, count = 0, tag = 0] = log.subarray(at, at + WORDS_OF_ENTRY);
    last = { first, end: first + count, fill: (kind & 1) === 1 ? 0 : tag, tag };
    if (kind < 2) model.fill(last.fill, last.first, last.end);
  }
  return last;
}

/** Every sector is as the model says; one of the operation under way may be new already, which the model then takes over. */
function compare(model: Uint32Array, bytes: Uint8Array, underWay: Operation): void {
  const words = new Uint32Array(bytes.buffer);
  for (const [sector, tag] of model.entries()) {
    const found = words[(sector * SECTOR) / 4] ?? 0;
    if (found === tag) continue;
    const isUnderWay = sector >= underWay.first && sector < underWay.end && found === underWay.fill;
    if (!isUnderWay) throw new Error(`sector ${sector} holds ${found}, not ${tag}`);
    model[sector] = found;
  }
}
