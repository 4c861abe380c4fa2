import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { describeWith } from "../support/tools.ts";
import { ShimShell } from "./shim-shell.ts";

/** ELF headers up to the machine: class, byte order, version; type; machine. */
const elf = (bits: 1 | 2, machine: number): Buffer => {
  const header = Buffer.alloc(64);
  header.set([0x7f, 0x45, 0x4c, 0x46, bits, 1, 1]);
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(machine, 18);
  return header;
};
const ARM64 = elf(2, 183);
const ARM32 = elf(1, 40);
const X86_64 = elf(2, 62);

describeWith(["busybox"], "the root that the shim hands over to", () => {
  let shell: ShimShell;
  beforeEach(() => {
    shell = new ShimShell();
    shell.program("mount", `echo "mount $*" >>'${shell.path("mounts")}'`);
    shell.program("umount", "exit 0");
    shell.write("mounts", "");
    shell.write("proc/filesystems", "nodev\tproc\n\text4\n\tsquashfs\n");
    shell.write("sys/class/block/sda/sda2/partition", "2\n");
    shell.write("dev/sda", Buffer.alloc(1024));
  });
  afterEach(() => shell.dispose());

  const executable = (name: string, content: string | Uint8Array): void => {
    shell.write(`root/${name}`, content);
    chmodSync(shell.path(`root/${name}`), 0o755);
  };
  const mountRoot = (script = ""): ReturnType<ShimShell["run"]> =>
    shell.run(`${script}\nDISK=sda; root_mount && echo "init $INIT"; cat '${shell.path("mounts")}'`);

  test("systemd behind an absolute link is found inside the new root, not in the shim", () => {
    executable("lib/systemd/systemd", ARM64);
    shell.link("root/sbin/init", "/lib/systemd/systemd");
    expect(mountRoot().text).toContain("init /sbin/init\n");
  });

  test("a relative link, a chain of links, and a root without /sbin/init", () => {
    executable("usr/lib/systemd/systemd-real", ARM64);
    shell.link("root/usr/lib/systemd/systemd", "systemd-real");
    expect(mountRoot().text).toContain("init /usr/lib/systemd/systemd\n");
  });

  test("init= on the command line is taken, and no other when it is missing", () => {
    executable("bin/bash", ARM64);
    executable("sbin/init", ARM64);
    expect(mountRoot("value_put cmdline init /bin/bash").text).toContain("init /bin/bash\n");
    const { text, said } = mountRoot("value_put cmdline init /bin/zsh");
    expect(text).not.toContain("init /");
    expect(said).toContain("state=fail /dev/sda2 has no init".replace("/dev", shell.path("dev")));
  });

  test("links in a circle are no init", () => {
    shell.link("root/sbin/init", "/sbin/init");
    expect(mountRoot().said).toContain("has no init");
  });

  test.each([
    ["a PC (x86)", elf(1, 3)],
    ["a PC (x86-64)", X86_64],
  ])("an image for %s is called that before the kernel panics over it", (name, header) => {
    executable("sbin/init", header);
    const { said } = mountRoot();
    expect(said).toContain("state=fail /sbin/init on");
    expect(said).toContain(`is for ${name}, not for an ARM - choose another image`);
  });

  test("a 32-bit Raspberry Pi OS is a root as well", () => {
    executable("sbin/init", ARM32);
    expect(mountRoot().text).toContain("init /sbin/init\n");
  });

  test("an init that is a script is trusted", () => {
    executable("sbin/init", "#!/bin/sh\n");
    expect(mountRoot().text).toContain("init /sbin/init\n");
  });

  test("the root is left read-only for a target whose fstab has a line for it", () => {
    executable("sbin/init", ARM64);
    shell.write("root/etc/fstab", "# / of old\nPARTUUID=1234-02  /  ext4  defaults,noatime  0  1\n");
    const { text } = mountRoot();
    expect(text).toContain(`mount -o ro ${shell.path("dev/sda2")} ${shell.path("root")}\n`);
    expect(text).not.toContain("remount");
  });

  test("the root is made writable when nobody in the target would do it", () => {
    executable("sbin/init", ARM64);
    shell.write("root/etc/fstab", "# /dev/sda2 / ext4 defaults 0 1\nproc /proc proc defaults 0 0\n");
    expect(mountRoot().text).toContain(`mount -o remount,rw ${shell.path("root")}\n`);
  });

  test("rw and ro on the command line have the last word", () => {
    executable("sbin/init", ARM64);
    expect(mountRoot("value_put cmdline ro 1").text).not.toContain("remount");
    shell.write("root/etc/fstab", "/dev/sda2 / ext4 defaults 0 1\n");
    expect(mountRoot("values_clear cmdline; value_put cmdline rw 1").text).toContain("remount,rw");
  });

  test("rootfstype and rootflags of the command line reach mount", () => {
    executable("sbin/init", ARM64);
    const { text } = mountRoot("value_put cmdline rootfstype btrfs; value_put cmdline rootflags subvol=@");
    expect(text).toContain("mount -t btrfs -o ro,subvol=@ ");
  });

  test("a partition that cannot be mounted is said with the reason and what could be read", () => {
    shell.program("mount", "echo 'mount: mounting /dev/sda2 failed: Invalid argument' >&2; exit 255");
    const { said } = mountRoot();
    expect(said).toContain("cannot be mounted (mount: mounting /dev/sda2 failed: Invalid argument");
    expect(said).toContain("this shim reads ext4 squashfs)");
  });

  test("a damaged file system is read without its journal, or by a copy of its superblock, and never written", () => {
    executable("sbin/init", ARM64);
    shell.program(
      "mount",
      `case "$*" in *sb=131072*) ;; *) echo 'mount: Structure needs cleaning' >&2; exit 255 ;; esac
      echo "mount $*" >>'${shell.path("mounts")}'`,
    );
    const { text, said } = mountRoot("value_put cmdline rw 1");
    expect(text).toContain("mount -t ext4 -o ro,noload,sb=131072 ");
    expect(text).not.toContain("remount");
    expect(said).toContain("state=ok");
    expect(said).toContain(
      "read-only: its file system is damaged - save what you need, then repair it with fsck",
    );
  });

  test("a damaged partition is passed over for a whole one", () => {
    executable("sbin/init", ARM64);
    shell.write("sys/class/block/sda/sda3/partition", "3\n");
    const table = Buffer.alloc(1024);
    table[446 + 32 + 4] = 0x83;
    shell.write("dev/sda", table);
    shell.program(
      "mount",
      `case "$*" in *sda2*) echo damaged >&2; exit 255 ;; esac; echo "$*" >>'${shell.path("mounts")}'`,
    );
    const { said, text } = mountRoot();
    expect(said).toContain("sda3 is the root");
    expect(text).not.toContain("noload");
  });

  test("a disk that the target protects against writing is said", () => {
    executable("sbin/init", ARM64);
    shell.program("blockdev", "echo 1");
    expect(mountRoot().said).toContain("read-only: the target protects this disk against writing");
  });

  test("Alpine's diskless system is told from an image that lacks its root", () => {
    shell.run(
      'rm -r "$SYS/class/block/sda"; mkdir -p "$SYS/class/block/sda/sda1"; echo 1 >"$SYS/class/block/sda/sda1/partition"',
    );
    expect(mountRoot().said).toContain("has neither a partition 2 nor a Linux partition");
    shell.program("mount", `for folder in "$@"; do :; done; mkdir -p "$folder/apks"`);
    expect(mountRoot().said).toContain("it is Alpine's diskless system");
    expect(mountRoot().said).toContain("choose an image with a root partition");
  });
});
