import { expect, test } from "bun:test";
import { truncateSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../../../test/support/temporary.ts";
import { backingName, openWritableChain } from "../../disk/chain.ts";
import { createOverlay } from "../../disk/qcow2/create.ts";
import { SwitchLayer } from "../../disk/switch-layer.ts";
import { MeteredDisk } from "./metered-disk.ts";

const folder = temporaryFolder("metered-disk");
const MIB = 1 << 20;

test("a hole in the image is told as one, and what the image or the overlay holds is not", async () => {
  const base = join(folder, "base.img");
  await Bun.write(base, new Uint8Array(65_536).fill(1));
  truncateSync(base, MIB);
  const top = join(folder, "top.qcow2");
  await createOverlay(top, { sizeBytes: 2 * MIB, backing: { name: backingName(top, base), format: "raw" } });
  const overlay = await openWritableChain([
    { path: base, format: "raw" },
    { path: top, format: "qcow2" },
  ]);
  const disk = new MeteredDisk(new SwitchLayer(overlay), () => undefined);
  disk.write(new Uint8Array(4096).fill(2), 512 * 1024);
  disk.discard(0, 4096);
  const data: [from: number, to: number][] = [];
  for (const { offset, length, kind } of disk.extents(0, 2 * MIB)) {
    if (kind !== "data") continue;
    const last = data.at(-1);
    if (last?.[1] === offset) last[1] = offset + length;
    else data.push([offset, offset + length]);
  }
  expect(data).toEqual([
    [4096, 65_536],
    [512 * 1024, 512 * 1024 + 4096],
  ]);
  await disk.close();
});
