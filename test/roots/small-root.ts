/** The smallest root that is a real one: Debian's static busybox as init, getty and shell; an MBR disk. */
import { chmod, copyFile, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../../src/shim/cache.ts";
import { AptRoot } from "../../src/shim/debian/apt-root.ts";
import { run } from "../../src/shim/support/run.ts";
import { cachedImage } from "./cache.ts";
import countWrites from "./count-writes.sh" with { type: "text" };
import { makeDiskImage, partitionIds } from "./disk-image.ts";
import { ROOT_PASSWORD_HASH } from "./password.ts";

const SUITE = "trixie";
const IDS = partitionIds("dos");
const SIZES = { bootMib: 32, rootMib: 64 } as const;
const FOLDERS = "bin boot/firmware dev etc/init.d mnt proc root run sbin sys tmp usr/bin usr/sbin var".split(
  " ",
);
const APPLET_FOLDERS = ["bin", "sbin", "usr/bin", "usr/sbin"] as const;

const FILES = {
  "etc/inittab": [
    "::sysinit:/etc/init.d/rcS",
    "::respawn:/sbin/getty -L 115200 console vt100",
    "::ctrlaltdel:/sbin/reboot",
    "::shutdown:/bin/umount -a -r",
    "",
  ].join("\n"),
  "etc/init.d/rcS": [
    "#!/bin/sh",
    'mountpoint_of() { grep -q " $1 " /proc/mounts 2>/dev/null; }',
    "mountpoint_of /proc || mount -t proc proc /proc",
    "mountpoint_of /sys || mount -t sysfs sysfs /sys",
    "mountpoint_of /dev || mount -t devtmpfs devtmpfs /dev",
    "mount -o remount,rw /",
    "mountpoint_of /run || mount -t tmpfs tmpfs /run",
    "mount -t tmpfs tmpfs /tmp",
    "hostname small-root",
    "",
  ].join("\n"),
  "etc/fstab": `PARTUUID=${IDS.root} / ext4 defaults,noatime 0 1\n`,
  "etc/group": "root:x:0:\n",
  "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
  "etc/profile": "PS1='# '\n",
  "etc/os-release": 'ID=small-root\nPRETTY_NAME="Small test root"\n',
  "etc/issue": "Small test root \\l\n",
} as const;
const EXECUTABLES = ["etc/init.d/rcS", "usr/bin/count-writes"] as const;

const BOOT_FILES = {
  "config.txt": "arm_64bit=1\nenable_uart=1\n",
  "cmdline.txt": `console=serial0,115200 console=tty1 root=PARTUUID=${IDS.root} rootfstype=ext4 rootwait\n`,
} as const;

/** Path of the raw image (97 MiB, mostly empty). Needs root, for the owners of its files, and Debian's mirror once. */
export async function smallRoot(): Promise<string> {
  const inputs = [
    SUITE,
    JSON.stringify([SIZES, FOLDERS, FILES, BOOT_FILES]),
    countWrites,
    ROOT_PASSWORD_HASH,
  ];
  return cachedImage({ name: "small-root.img", inputs, make });
}

async function make(image: string, scratch: string): Promise<void> {
  const rootFiles = join(scratch, "root");
  const bootFiles = join(scratch, "boot");
  await makeSmallRootFiles(rootFiles, scratch);
  await writeFiles(bootFiles, BOOT_FILES);
  await makeDiskImage(image, { table: "dos", ...SIZES, bootFiles, rootFiles });
}

/** What decides the files that `makeSmallRootFiles` makes, for recipes of larger roots. */
export const SMALL_ROOT_INPUTS = [SUITE, JSON.stringify([FOLDERS, FILES]), countWrites, ROOT_PASSWORD_HASH];

/** Makes the root's files in `rootFiles`; `scratch` is used on the way. */
export async function makeSmallRootFiles(rootFiles: string, scratch: string): Promise<void> {
  for (const folder of FOLDERS) await mkdir(join(rootFiles, folder), { recursive: true });
  await installBusybox(rootFiles, scratch);
  const shadow = `root:${ROOT_PASSWORD_HASH}:20000:0:99999:7:::\n`;
  await writeFiles(rootFiles, { ...FILES, "etc/shadow": shadow, "usr/bin/count-writes": countWrites });
  for (const file of EXECUTABLES) await chmod(join(rootFiles, file), 0o755);
  await chmod(join(rootFiles, "etc/shadow"), 0o600);
}

async function installBusybox(rootFiles: string, scratch: string): Promise<void> {
  const apt = await AptRoot.open(SUITE, { cacheDir: cacheFolder() });
  const [deb] = await apt.download(["busybox-static"]);
  if (!deb) throw new Error("Debian has no busybox-static");
  const unpacked = join(scratch, "busybox");
  await apt.unpack(deb.path, unpacked);
  const busybox = join(unpacked, "usr/bin/busybox");
  await copyFile(busybox, join(rootFiles, "bin/busybox"));
  const applets = await run(["qemu-aarch64-static", busybox, "--list-full"]);
  for (const path of applets.split("\n").filter(Boolean)) {
    const isKnown = APPLET_FOLDERS.some((folder) => path.startsWith(`${folder}/`));
    if (isKnown && path !== "bin/busybox") await symlink("/bin/busybox", join(rootFiles, path));
  }
}

async function writeFiles(dir: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) await Bun.write(join(dir, path), text);
}
