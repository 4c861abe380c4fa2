/**
 * A small Linux machine whose only disks are iSCSI: Debian's cloud kernel, its open-iscsi and e2fsprogs,
 * and a script as init. Kernel and initramfs are made once and kept in the cache.
 */
import { chmod, copyFile, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { cacheFolder } from "../../src/shim/cache.ts";
import { AptRoot } from "../../src/shim/debian/apt-root.ts";
import { run } from "../../src/shim/support/run.ts";

export const LINUX_NEEDS = ["qemu-system-x86_64", "cpio", "depmod", "xz", "dpkg-deb", "apt-get"] as const;

const SUITE = "trixie";
const PROGRAMS = ["open-iscsi", "e2fsprogs", "busybox-static"];
const LIBRARIES = [
  "libc6",
  "libopeniscsiusr",
  "libkmod2",
  "liblzma5",
  "libzstd1",
  "libssl3t64",
  "zlib1g",
  "libext2fs2t64",
  "libcom-err2",
  "libblkid1",
  "libuuid1",
  "libisns0t64",
  "libmount1",
  "libsystemd0",
  "libselinux1",
  "libpcre2-8-0",
  "libcap2",
];
const BINARIES = ["iscsistart", "iscsid", "iscsiadm", "mke2fs", "e2fsck"];
/** What the machine loads, each after what it depends on. */
const MODULES = [
  "virtio_pci",
  "virtio_net",
  "virtio_blk",
  "sd_mod",
  "iscsi_tcp",
  "crc32c_generic",
  "crc32c_intel",
  "crc32c",
  "ext4",
];
/** Part of the cache's name: raise it when what is put together here changes. */
const RECIPE = 3;

export interface Machine {
  readonly kernel: string;
  readonly initramfs: string;
}

/** Downloads and puts together what the cache does not have. The init script is `/init.sh`, given at each start. */
export async function linuxMachine(): Promise<Machine> {
  const root = await AptRoot.open(SUITE, { cacheDir: cacheFolder(), arch: "amd64" });
  const images = await root.versions(/^linux-image-\d.*-cloud-amd64$/);
  const newest = images
    .map(({ name }) => name)
    .toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .at(-1);
  if (newest === undefined) throw new Error(`Debian ${SUITE} has no cloud kernel`);
  const folder = join(cacheFolder(), "test", "iscsi-linux", `${newest}-${RECIPE}`);
  const machine = { kernel: join(folder, "vmlinuz"), initramfs: join(folder, "initramfs.cpio") };
  if (await Bun.file(machine.initramfs).exists()) return machine;
  await mkdir(join(folder, ".."), { recursive: true });
  const work = await mkdtemp(join(folder, "..", "making-"));
  try {
    const unpacked = join(work, "unpacked");
    for (const { path } of await root.download([newest, ...PROGRAMS, ...LIBRARIES]))
      await root.unpack(path, unpacked);
    const release = newest.replace(/^linux-image-/, "");
    await fillTree(unpacked, join(work, "tree"), release);
    await mkdir(join(work, "out"));
    await copyFile(join(unpacked, "boot", `vmlinuz-${release}`), join(work, "out", "vmlinuz"));
    await pack(join(work, "tree"), join(work, "out", "initramfs.cpio"));
    await rm(folder, { recursive: true, force: true });
    await rename(join(work, "out"), folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return machine;
}

async function fillTree(unpacked: string, tree: string, release: string): Promise<void> {
  for (const name of ["bin", "lib", "lib64", "proc", "sys", "dev", "run", "mnt", "modules", "etc"])
    await mkdir(join(tree, name), { recursive: true });
  await copyFile(join(unpacked, "usr/bin/busybox"), join(tree, "bin/busybox"));
  for (const name of BINARIES) await copyFile(join(unpacked, "usr/sbin", name), join(tree, "bin", name));
  const libraries = join(unpacked, "usr/lib/x86_64-linux-gnu");
  for (const name of await readdir(libraries)) {
    if (/\.so(\.\d+)*$/.test(name)) await copyFile(join(libraries, name), join(tree, "lib", name));
  }
  await copyFile(join(libraries, "ld-linux-x86-64.so.2"), join(tree, "lib64/ld-linux-x86-64.so.2"));
  await copyModules(unpacked, join(tree, "modules"), release);
  await writeFile(join(tree, "init"), INIT);
  await chmod(join(tree, "init"), 0o755);
}

/** Numbers the modules in the order in which they can be loaded. */
async function copyModules(unpacked: string, to: string, release: string): Promise<void> {
  const base = join(unpacked, "usr");
  await run(["depmod", "-b", base, release]);
  const folder = join(base, "lib/modules", release);
  const needs = new Map<string, { path: string; after: string[] }>();
  for (const line of (await readFile(join(folder, "modules.dep"), "utf8")).split("\n")) {
    const [path = "", after = ""] = line.split(":");
    needs.set(moduleName(path), { path, after: after.split(" ").filter((word) => word !== "") });
  }
  const order: string[] = [];
  const add = (name: string): void => {
    const module = needs.get(name);
    // What is not a module is built in.
    if (!module || order.includes(module.path)) return;
    for (const path of module.after.toReversed()) add(moduleName(path));
    order.push(module.path);
  };
  for (const name of MODULES) add(name);
  for (const [i, path] of order.entries()) {
    const target = join(to, `${String(i).padStart(2, "0")}-${basename(path)}`);
    await copyFile(join(folder, path), target);
    if (target.endsWith(".xz")) await run(["xz", "-d", target]);
  }
}

function moduleName(path: string): string {
  return basename(path)
    .replace(/\.ko(\.xz)?$/, "")
    .replaceAll("-", "_");
}

async function pack(tree: string, file: string): Promise<void> {
  await run(["sh", "-c", `find . | LC_ALL=C sort | cpio -o -H newc --quiet > '${file}'`], { cwd: tree });
}

const INIT = `#!/bin/busybox sh
/bin/busybox mount -t devtmpfs none /dev
exec </dev/console >/dev/console 2>&1
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t tmpfs none /run
mkdir -p /run/lock /var
for module in /modules/*; do insmod $module; done
ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
. /run.sh
echo "[machine] done"
poweroff -f
`;

export type LinuxProcess = Bun.Subprocess<"pipe", "pipe", "inherit">;

/**
 * Boots the machine with `script` (busybox sh), which may read its console; when it ends, the machine switches itself
 * off. The host's loopback is 10.0.2.2.
 */
export async function bootLinux(machine: Machine, script: string, folder: string): Promise<LinuxProcess> {
  const extra = join(folder, "script");
  await mkdir(extra, { recursive: true });
  await writeFile(join(extra, "run.sh"), script);
  await pack(extra, join(folder, "script.cpio"));
  // The kernel unpacks archives that lie one behind the other, as one.
  const initramfs = join(folder, "initramfs");
  const archives = [await readFile(machine.initramfs), await readFile(join(folder, "script.cpio"))];
  await writeFile(initramfs, Buffer.concat(archives));
  const hardware = ["-M", "pc", "-cpu", "max", "-m", "512", "-nodefaults", "-nographic", "-no-reboot"];
  const system = ["-kernel", machine.kernel, "-initrd", initramfs];
  const kernelLine = ["-append", "console=ttyS0 quiet mitigations=off no_timer_check panic=-1"];
  const wires = ["-serial", "stdio", "-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n,romfile="];
  return Bun.spawn(["qemu-system-x86_64", ...hardware, ...system, ...kernelLine, ...wires], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
}
