/**
 * Raw disk images laid out like a Raspberry Pi's card, made without loop devices:
 *
 *   | table, 1 MiB | FAT "BOOTFS" | ext4 "rootfs" | (GPT only: 1 MiB for the second table) |
 */
import { truncate, writeFile } from "node:fs/promises";
import { run } from "../../src/shim/support/run.ts";

const MIB = 1024 * 1024;
const SECTOR_BYTES = 512;

export interface DiskLayout {
  readonly table: "dos" | "gpt";
  readonly bootMib: number;
  readonly rootMib: number;
  /** Folder whose files go into the FAT partition. */
  readonly bootFiles: string;
  /** Folder that becomes the root, owners and device nodes included. */
  readonly rootFiles: string;
}

/** Partition ids, the same in every image: `root=` and fstab name them. */
const DOS_ID = "70696e65";
const GPT_IDS = {
  boot: "7e570000-0000-4000-8000-000000000001",
  root: "7e570000-0000-4000-8000-000000000002",
} as const;

/** PARTUUID of each partition of such an image. */
export function partitionIds(table: DiskLayout["table"]): { boot: string; root: string } {
  return table === "gpt" ? GPT_IDS : { boot: `${DOS_ID}-01`, root: `${DOS_ID}-02` };
}

/** Writes the image; it is sparse where the root is empty. */
export async function makeDiskImage(path: string, layout: DiskLayout): Promise<void> {
  const bootStart = MIB;
  const rootStart = bootStart + layout.bootMib * MIB;
  await writeFile(path, "");
  await truncate(path, rootStart + (layout.rootMib + 1) * MIB);
  await run(["sfdisk", "--quiet", path], { input: new TextEncoder().encode(partitionTable(layout)) });
  const offset = `--offset=${bootStart / SECTOR_BYTES}`;
  await run(["mkfs.fat", "-F", "16", "-n", "BOOTFS", offset, path, `${layout.bootMib * 1024}`]);
  await run(["sh", "-c", `mcopy -s -i "$1@@${bootStart}" "$2"/* ::`, "sh", path, layout.bootFiles]);
  const filesystem = ["-q", "-F", "-t", "ext4", "-L", "rootfs", "-d", layout.rootFiles];
  await run(["mke2fs", ...filesystem, "-E", `offset=${rootStart}`, path, `${layout.rootMib}M`]);
}

function partitionTable({ table, bootMib, rootMib }: DiskLayout): string {
  const boot = `start=1MiB, size=${bootMib}MiB`;
  const root = `start=${1 + bootMib}MiB, size=${rootMib}MiB`;
  const rows =
    table === "gpt"
      ? [
          `${boot}, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, uuid=${GPT_IDS.boot}`,
          `${root}, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=${GPT_IDS.root}`,
        ]
      : [`${boot}, type=c`, `${root}, type=83`];
  return [`label: ${table}`, ...(table === "dos" ? [`label-id: 0x${DOS_ID}`] : []), "", ...rows, ""].join(
    "\n",
  );
}
