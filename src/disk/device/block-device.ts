/** What Linux says about a disk: its size and model, what lies on it, and who uses it. Nothing is opened, nothing is run. */
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { basename, join } from "node:path";
import { DeviceRefusal } from "./device-refusal.ts";

const SECTOR_BYTES = 512;
/** A holder can be held (LUKS below LVM below ...); no real machine stacks more. */
const MAX_HOLDERS_DEEP = 8;

export interface BlockDevice {
  /** "/dev/sda", links followed. */
  readonly path: string;
  readonly sizeBytes: number;
  /** In words, "SanDisk Ultra"; empty when the disk does not say. */
  readonly model: string;
  /** A card or stick that can be pulled out. */
  readonly removable: boolean;
  readonly readOnly: boolean;
  readonly uses: readonly DeviceUse[];
}

export interface DeviceUse {
  /** The part that is used: "/dev/sda2", or "/dev/dm-0" above it. */
  readonly device: string;
  readonly kind: "mount" | "swap" | "held";
  /** The mount's folder, or what holds it. */
  readonly where: string;
}

/** Where the kernel's files are. */
export interface KernelFolders {
  readonly sys: string;
  readonly proc: string;
}

const KERNEL: KernelFolders = { sys: "/sys", proc: "/proc" };

/**
 * Looks at a disk by its path ("/dev/sdb", or a link in /dev/disk/by-id).
 * Throws DeviceRefusal "not-a-disk" for a partition or anything else.
 */
export function readBlockDevice(path: string, kernel: KernelFolders = KERNEL): BlockDevice {
  const real = existsSync(path) ? realpathSync(path) : path;
  const name = basename(real);
  const folder = join(kernel.sys, "class/block", name);
  if (!existsSync(folder))
    throw new DeviceRefusal("not-a-disk", `${path} is no disk`, "lsblk shows the disks of this computer.");
  if (existsSync(join(folder, "partition")))
    throw new DeviceRefusal(
      "not-a-disk",
      `${path} is one partition of a disk`,
      `Name the whole disk: /dev/${basename(join(realpathSync(folder), ".."))}`,
    );
  const device = join(folder, "device");
  return {
    path: real,
    sizeBytes: Number(word(folder, "size") || 0) * SECTOR_BYTES,
    model: modelOf(folder),
    removable: word(folder, "removable") === "1" || word(device, "type") === "SD",
    readOnly: word(folder, "ro") === "1",
    uses: usesOf(name, kernel),
  };
}

function modelOf(folder: string): string {
  const device = join(folder, "device");
  const said = [word(device, "vendor"), word(device, "model") || word(device, "name")].join(" ").trim();
  const backing = word(join(folder, "loop"), "backing_file");
  // What a disk calls itself goes to a terminal.
  return (said || (backing && `loop device of ${backing}`)).replaceAll(/\p{Cc}/gu, "?");
}

/** The first line of a file of the kernel; empty when it is not there. */
function word(folder: string, name: string): string {
  const file = join(folder, name);
  return existsSync(file) ? (readFileSync(file, "utf8").split("\n")[0] ?? "").trim() : "";
}

interface Mount {
  readonly number: string;
  readonly source: string;
  readonly where: string;
}

function usesOf(disk: string, kernel: KernelFolders): DeviceUse[] {
  const mounts = readMounts(kernel);
  const swaps = readFileSync(join(kernel.proc, "swaps"), "utf8")
    .split("\n")
    .slice(1)
    .map((line) => unescape(line.split(/\s+/)[0] ?? ""));
  const uses: DeviceUse[] = [];
  const look = (name: string, depth: number): void => {
    const folder = join(kernel.sys, "class/block", name);
    const device = `/dev/${name}`;
    const number = word(folder, "dev");
    for (const mount of mounts)
      if ((number !== "" && mount.number === number) || nameOf(mount.source) === name)
        uses.push({ device, kind: "mount", where: mount.where });
    if (swaps.some((swap) => nameOf(swap) === name)) uses.push({ device, kind: "swap", where: "swap" });
    const parts = readdirSync(folder).filter((entry) => existsSync(join(folder, entry, "partition")));
    const held = join(folder, "holders");
    const holders = existsSync(held) ? readdirSync(held) : [];
    for (const holder of holders) uses.push({ device, kind: "held", where: `/dev/${holder}` });
    if (depth < MAX_HOLDERS_DEEP) for (const next of [...parts, ...holders]) look(next, depth + 1);
  };
  look(disk, 0);
  return uses;
}

/** proc_pid_mountinfo(5): id, parent, major:minor, root, mount point, options, ..., "-", type, source, options. */
function readMounts({ proc }: KernelFolders): Mount[] {
  return readFileSync(join(proc, "self/mountinfo"), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [before = "", after = ""] = line.split(" - ");
      const fields = before.split(" ");
      return {
        number: fields[2] ?? "",
        where: unescape(fields[4] ?? ""),
        // btrfs has numbers of its own and tells the disk here alone.
        source: unescape(after.split(" ")[1] ?? ""),
      };
    });
}

/** The kernel's name of a device, through links such as /dev/mapper/root. */
function nameOf(source: string): string {
  if (!source.startsWith("/dev/")) return "";
  return basename(existsSync(source) ? realpathSync(source) : source);
}

/** Spaces and the like are written as octal numbers. */
function unescape(text: string): string {
  return text.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
