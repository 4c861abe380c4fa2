/** An image on a larger disk: the partitioners and the file system's own tools judge the table that we fitted. */
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { growPartitions } from "../../src/disk/grow-last-partition.ts";
import { openRawFile } from "../../src/disk/raw-file.ts";
import { runProgram } from "../support/pinetboot.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { describeWith } from "../support/tools.ts";

const MIB = 2 ** 20;
const SECTOR = 512;

const TableSchema = z.object({
  partitiontable: z.object({
    id: z.string(),
    partitions: z.array(z.looseObject({ start: z.number(), size: z.number(), type: z.string() })),
  }),
});

describeWith(["sfdisk", "mkfs.ext4", "resize2fs", "e2fsck"], "an image on a larger disk", () => {
  const folder = temporaryFolder("grow");

  /** A card image of 64 MiB like Raspberry Pi OS's: a FAT, and an ext4 up to its end; then `sizeMib` of disk. */
  async function grownImage(name: string, script: string, sizeMib: number): Promise<string> {
    const path = join(folder, name);
    await run(["truncate", "-s", `${64 * MIB}`, path]);
    await run(["sfdisk", "-q", path], script);
    const root = (await table(path)).partitions[1];
    const blocks = Math.floor(((root?.size ?? 0) * SECTOR) / 4096);
    await run([
      "mkfs.ext4",
      "-q",
      "-F",
      "-b",
      "4096",
      "-E",
      `offset=${(root?.start ?? 0) * SECTOR}`,
      path,
      `${blocks * 4}k`,
    ]);
    await run(["truncate", "-s", `${sizeMib * MIB}`, path]);
    return path;
  }

  for (const [label, header, types] of [
    ["MBR", "label: dos", ["c", "83"]],
    ["GPT", "label: gpt", ["U", "L"]],
  ] as const)
    test(`the last partition of a ${label} takes the room, and the file system in it can follow`, async () => {
      const path = await grownImage(
        label,
        `${header}\n1MiB,16MiB,${types[0]}\n17MiB,46MiB,${types[1]}\n`,
        256,
      );
      const before = await table(path).catch(() => undefined);
      expect(await grow(path)).toEqual({ backupGpt: label === "GPT" ? "moved" : "none", partition: 2 });
      const after = await table(path);
      expect(await run(["sfdisk", "--verify", path])).toContain("No errors detected");
      const [boot, root] = after.partitions;
      expect(boot).toMatchObject({ start: 2048, size: 32_768 });
      expect(root?.start).toBe(34_816);
      const end = ((root?.start ?? 0) + (root?.size ?? 0)) * SECTOR;
      expect(end).toBe(label === "GPT" ? 255 * MIB : 256 * MIB);
      // The names by which cmdline.txt and fstab find the root.
      if (before) expect(after.id).toBe(before.id);
      const words = await growFileSystem(path, root?.start ?? 0, root?.size ?? 0);
      expect(words).toContain(`Block count:              ${((root?.size ?? 0) * SECTOR) / 4096}`);
      expect(await grow(path)).toMatchObject({ partition: null });
    });

  test("what is not Linux's, or does not lie last, stays as it is", async () => {
    mkdirSync(folder, { recursive: true });
    const path = join(folder, "fat-last");
    await run(["truncate", "-s", `${64 * MIB}`, path]);
    await run(["sfdisk", "-q", path], "label: dos\n1MiB,16MiB,83\n17MiB,46MiB,c\n");
    const before = await table(path);
    await run(["truncate", "-s", `${128 * MIB}`, path]);
    expect(await grow(path)).toEqual({ backupGpt: "none", partition: null });
    expect(await table(path)).toEqual(before);
  });
});

async function run(command: readonly string[], stdin?: string): Promise<string> {
  const { code, stdout, stderr } = await runProgram(command, stdin === undefined ? {} : { stdin });
  expect({ command, code, stderr }).toMatchObject({ code: 0 });
  return stdout + stderr;
}

async function grow(path: string) {
  const disk = await openRawFile(path, { readOnly: false });
  try {
    return await growPartitions(disk);
  } finally {
    await disk.close();
  }
}

/** The guest's part: its file system takes the partition, and is whole. */
async function growFileSystem(path: string, start: number, sectors: number): Promise<string> {
  const part = `${path}.part`;
  await run([
    "dd",
    `if=${path}`,
    `of=${part}`,
    "bs=1M",
    "conv=sparse",
    `skip=${(start * SECTOR) / MIB}`,
    `count=${(sectors * SECTOR) / MIB}`,
  ]);
  await run(["e2fsck", "-f", "-p", part]);
  await run(["resize2fs", part]);
  await run(["e2fsck", "-f", "-n", part]);
  return run(["dumpe2fs", "-h", part]);
}

const table = async (path: string) =>
  TableSchema.parse(JSON.parse((await run(["sfdisk", "--json", path])).replace(/^[^{]*/, ""))).partitiontable;
