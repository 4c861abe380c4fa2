/**
 * The target to be measured, in a process of its own: `bun serve.ts FOLDER`. The target `...:raw` is FOLDER/raw.img;
 * every target `...:overlay-NAME` is an overlay of its own over FOLDER/base.img, new at its first login.
 * Prints its port.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Target, createIscsiServer } from "iscsi-target-ts";
import type { Layer } from "../../src/disk/layer.ts";
import { createOverlay } from "../../src/disk/qcow2/create.ts";
import { journalPath } from "../../src/disk/qcow2/journal.ts";
import { openOverlay } from "../../src/disk/qcow2/open.ts";
import { openRawFile } from "../../src/disk/raw-file.ts";

const [folder] = process.argv.slice(2);
if (!folder) throw new Error("which folder?");
const raw = await openRawFile(join(folder, "raw.img"), { readOnly: false });

interface SharedDisk {
  readonly layer: Promise<Layer>;
  sessions: number;
}

/** Overlays by target name; several sessions of a load share one. */
const overlays = new Map<string, SharedDisk>();

async function freshOverlay(path: string): Promise<Layer> {
  const base = await openRawFile(join(folder ?? "", "base.img"), { readOnly: true });
  await createOverlay(path, { sizeBytes: base.sizeBytes, backing: { name: "base.img", format: "raw" } });
  return openOverlay(path, { backing: { name: "base.img", layer: base } });
}

function targetOf(name: string): Target | undefined {
  const kind = name.split(":").at(-1) ?? "";
  if (kind !== "raw" && !kind.startsWith("overlay-")) return undefined;
  const path = join(folder ?? "", `${kind}.qcow2`);
  return {
    name,
    auth: "none",
    async open() {
      if (kind === "raw") return { units: [unitOf(raw)], closed: () => raw.flush() };
      const disk = overlays.get(name) ?? { layer: freshOverlay(path), sessions: 0 };
      overlays.set(name, disk);
      disk.sessions++;
      return { units: [unitOf(await disk.layer)], closed: () => leave(disk) };
    },
  };

  async function leave(disk: SharedDisk): Promise<void> {
    if (--disk.sessions > 0) return;
    overlays.delete(name);
    await (await disk.layer).close();
    await rm(path);
    await rm(journalPath(path), { force: true });
  }
}

function unitOf(device: Layer) {
  return { lun: 1, device, blockSizeBytes: 512, naa: "3000000000000001", serialNumber: "BENCH" } as const;
}

const server = await createIscsiServer({
  hostname: "127.0.0.1",
  port: 0,
  directory: { find: targetOf, visible: () => [], chapSecret: () => undefined },
});
console.log(server.port);
