import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describeWith } from "../support/tools.ts";
import { ShimShell } from "./shim-shell.ts";

const RELEASE = "6.6.51+rpt-rpi-v8";

describeWith(["busybox", "xz"], "what the shim starts the image's own kernel with", () => {
  let shell: ShimShell;
  beforeEach(() => {
    shell = new ShimShell();
    shell.write("proc/device-tree/compatible", "raspberrypi,4-model-b\0brcm,bcm2711\0");
    shell.write("proc/cpuinfo", "CPU part\t: 0xd08\n");
    shell.write(
      "proc/cmdline",
      "smsc95xx.macaddr=B8:27:EB:01:02:03 vc_mem.mem_base=0x3ec00000 console=ttyAMA0\n",
    );
    shell.write("sys/class/block/sda2/uevent", "PARTN=2\nPARTUUID=1234abcd-02\n");
    // The kernels of these tests are text: "Linux RELEASE PAGES".
    program(
      "kexec-load",
      'case "$(cat "$2")" in "Linux "*) sed "s/^Linux //" "$2" ;; *) echo "$2 is not a 64-bit ARM kernel" >&2; exit 1 ;; esac',
    );
  });
  afterEach(() => shell.dispose());

  /** One of ours, which the shell has not itself. */
  const program = (name: string, script: string): void => {
    shell.write(`bin/${name}`, `#!${shell.path("bin/sh")}\n${script}\n`);
    chmodSync(shell.path(`bin/${name}`), 0o755);
  };
  const boot = (files: Readonly<Record<string, string | Uint8Array>>): void => {
    for (const [name, content] of Object.entries(files)) shell.write(name, content);
  };
  const run = (script: string): ReturnType<ShimShell["run"]> => {
    const setup = `BOOT='${shell.path("bootfs")}' PARTITION=sda2 KERNEL_RELEASE='${RELEASE}' ROOT_TYPE=ext4`;
    return shell.run(`${setup}\nmkdir -p "$BOOT" "$STATE/kexec"; config_read\n${script}`);
  };
  const kernel = (): { said: string; text: string } =>
    run('kexec_kernel && echo "$KERNEL_FROM, $KERNEL_RELEASE"; cat "$STATE/kexec/kernel"');

  test("a kernel is taken as it is, or unpacked", () => {
    for (const content of [
      `Linux ${RELEASE} 4`,
      gzipSync(`Linux ${RELEASE} 4`),
      zboot(`Linux ${RELEASE} 4`),
    ]) {
      boot({ "bootfs/kernel8.img": content });
      expect(kernel().text).toBe(`kernel8.img of the boot partition, ${RELEASE}\nLinux ${RELEASE} 4`);
    }
  });

  test("without one on the boot partition it is the root's, the newest, and that is said", () => {
    boot({
      "bootfs/config.txt": "kernel=u-boot.bin\n",
      "bootfs/u-boot.bin": "U-Boot",
      "root/boot/vmlinuz-6.1.0-9-arm64": "Linux 6.1.0-9-arm64 4",
      "root/boot/vmlinuz-6.1.0-10-arm64": "Linux 6.1.0-10-arm64 4",
    });
    const { said, text } = kernel();
    expect(text).toStartWith("/boot/vmlinuz-6.1.0-10-arm64 of the root, 6.1.0-10-arm64\n");
    expect(said).toContain(
      "u-boot.bin of the boot partition is not a 64-bit ARM kernel: taking /boot/vmlinuz-6.1.0-10-arm64 of the root instead",
    );
  });

  test.each([
    ["no kernel anywhere", {}, "the boot partition has no kernel8.img"],
    [
      "a name that is not there",
      { "bootfs/config.txt": "kernel=vmlinuz\n" },
      "config.txt names the kernel vmlinuz, which is not on the boot partition",
    ],
    [
      "a 32-bit system",
      { "bootfs/config.txt": "arm_64bit=0\n", "bootfs/kernel8.img": `Linux ${RELEASE} 4` },
      "config.txt asks for a 32-bit kernel (arm_64bit=0)",
    ],
    [
      "a 32-bit kernel",
      { "bootfs/config.txt": "kernel=kernel7l.img\n", "bootfs/kernel7l.img": "zImage" },
      "kernel7l.img of the boot partition is not a 64-bit ARM kernel",
    ],
    [
      "a Pi 5's kernel on a Pi 4",
      { "bootfs/kernel8.img": `Linux ${RELEASE} 16` },
      "kernel8.img of the boot partition has pages of 16 KiB, which this board's processor does not know",
    ],
  ] as const)("%s is said, with what to do", (_name, files, words) => {
    boot(files);
    const { said, text } = kernel();
    expect(text).not.toContain("of the boot partition,");
    expect(said).toContain(
      `stage=kexec state=fail ${words} - choose an image with a 64-bit kernel, or take mode pivot`,
    );
  });

  const words = (): string => run("kexec_cmdline").text;

  test("the command line is the image's, its root by PARTUUID, with what the firmware adds for this board", () => {
    boot({
      "bootfs/cmdline.txt":
        "console=serial0,115200 console=tty1 root=/dev/mmcblk0p2 rootfstype=ext4 fsck.repair=yes rootwait quiet init=/usr/lib/raspberrypi-sys-mods/firstboot\r\n",
    });
    expect(words()).toBe(
      "smsc95xx.macaddr=B8:27:EB:01:02:03 vc_mem.mem_base=0x3ec00000 console=serial0,115200 console=tty1 " +
        "root=PARTUUID=1234abcd-02 rootfstype=ext4 fsck.repair=yes rootwait quiet " +
        "init=/usr/lib/raspberrypi-sys-mods/firstboot",
    );
  });

  test("a root that the image names by label or PARTUUID stays, and quotes too", () => {
    boot({ "bootfs/cmdline.txt": 'root=LABEL=writable dyndbg="file a.c +p" rdinit=/other\n' });
    expect(words()).toEndWith(' root=LABEL=writable dyndbg="file a.c +p"');
  });

  test("an image without a cmdline.txt gets the consoles of this kernel and its root", () => {
    expect(words()).toEndWith("console=ttyAMA0 root=PARTUUID=1234abcd-02 rootwait");
  });

  const modules = (lists: Readonly<Record<string, string>>, files: readonly string[] = []): void => {
    for (const [name, content] of Object.entries(lists))
      shell.write(`root/lib/modules/${RELEASE}/${name}`, content);
    for (const name of files) shell.write(`root/lib/modules/${RELEASE}/${name}`, name);
    program("kexec-tree", "echo brcm,bcm2711-genet-v5; echo brcm,bcm2711-vc5");
    shell.write("sys/devices/pci/usb1/modalias", "usb:v0424pEC00d0200dcFFdsc00dp01icFFisc00ip00in00\n");
  };
  const take = (): ReturnType<ShimShell["run"]> =>
    run(`modules_take "$STATE/stage" && cat "$STATE/stage/continued/modules.order"`);
  const DEP = [
    "kernel/drivers/scsi/iscsi_tcp.ko.xz: kernel/drivers/scsi/libiscsi_tcp.ko kernel/drivers/scsi/libiscsi.ko",
    "kernel/drivers/scsi/libiscsi_tcp.ko: kernel/drivers/scsi/libiscsi.ko",
    "kernel/drivers/scsi/libiscsi.ko:",
    "kernel/drivers/net/ethernet/broadcom/genet/genet.ko: kernel/drivers/net/phy/bcm7xxx.ko",
    "kernel/drivers/net/phy/bcm7xxx.ko:",
    "kernel/drivers/net/usb/smsc95xx.ko:",
    "kernel/drivers/gpu/drm/vc4/vc4.ko:",
    "",
  ].join("\n");
  const FILES = DEP.split("\n").flatMap((line) => line.split(":")[0] || []);
  const BUILTIN = "kernel/drivers/scsi/sd_mod.ko\nkernel/fs/ext4/ext4.ko\n";
  const ALIAS = [
    "# Aliases extracted from modules themselves.",
    "alias of:N*T*Cbrcm,bcm2711-genet-v5C* genet",
    "alias of:N*T*Cbrcm,bcm2711-vc5 vc4",
    "alias usb:v0424pEC00d*dc*dsc*dp*ic*isc*ip*in* smsc95xx",
    "alias usb:v0424p9E00d*dc*dsc*dp*ic*isc*ip*in* other",
    "",
  ].join("\n");

  test("modules come each after those that it needs, drivers by what this board has, none for the screen", () => {
    modules({ "modules.dep": DEP, "modules.builtin": BUILTIN, "modules.alias": ALIAS }, FILES);
    shell.program("xzcat", "echo unpacked");
    shell.write(
      `root/lib/modules/${RELEASE}/kernel/drivers/scsi/iscsi_tcp.ko.xz`,
      Buffer.from("fd377a585a0000", "hex"),
    );
    const { text, said } = take();
    expect(said).toBe("");
    const order = text.trim().split("\n");
    expect(order.toSorted()).toEqual([
      "bcm7xxx",
      "genet",
      "iscsi_tcp",
      "libiscsi",
      "libiscsi_tcp",
      "smsc95xx",
    ]);
    const before = (first: string, second: string): void =>
      expect(order.indexOf(first)).toBeLessThan(order.indexOf(second));
    before("libiscsi", "libiscsi_tcp");
    before("libiscsi_tcp", "iscsi_tcp");
    before("bcm7xxx", "genet");
    expect(run('cat "$STATE/stage/continued/modules/iscsi_tcp.ko"').text).toBe("unpacked\n");
  });

  test("nothing is needed where iSCSI is built in", () => {
    modules({ "modules.dep": "", "modules.builtin": `${BUILTIN}kernel/drivers/scsi/iscsi_tcp.ko\n` });
    expect(run('modules_take "$STATE/stage" && echo fine').text).toBe("fine\n");
  });

  test("a kernel without the initiator is called that, with the module's name", () => {
    modules({ "modules.dep": "kernel/fs/ext4/ext4.ko:\n", "modules.builtin": "" }, [
      "kernel/fs/ext4/ext4.ko",
    ]);
    expect(take().said).toContain(
      `stage=kexec state=fail Linux ${RELEASE} of the image lacks iscsi_tcp sd_mod, so it could not find its disk`,
    );
  });

  test("a root with the modules of other kernels does not belong to this one", () => {
    shell.write("root/lib/modules/6.12.25+rpt-rpi-v8/modules.dep", "");
    expect(take().said).toContain(
      `the image has no modules for its kernel ${RELEASE} (only for 6.12.25+rpt-rpi-v8)`,
    );
  });

  test("what the next kernel is told has no secret in a place that others read, and asks nobody again", () => {
    shell.write("continued-lease", "");
    const { text, errors } = run(`
      value_put cmdline iscsi.password "a secret"; value_put cmdline iscsi.mode kexec; value_put cmdline init /bin/sh
      value_put endpoint iscsi.target iqn.x; SERVER=10.0.0.2:8069 BOOT_ID=boot MAC=b8:27:eb:00:00:01 ADDRESS=10.0.0.9
      INTERFACE=eth0
      ip() { case "$*" in *addr*) echo "    inet 10.0.0.9/24 brd 10.0.0.255 scope global eth0" ;; *) echo "default via 10.0.0.1 dev eth0" ;; esac; }
      continued_give "$STATE/given"
      find "$STATE/given" -type f ! -perm 600
      rm -rf "$STATE/values"
      CONTINUED=$STATE/given; continued_take
      echo "$SERVER $BOOT_ID $(parameter iscsi.mode) $(parameter iscsi.target) $(parameter iscsi.password) [$(value_get cmdline init)]"
      cat "$CONTINUED/network" "$CONTINUED/router"`);
    expect(errors).toBe("");
    expect(text).toBe("10.0.0.2:8069 boot pivot iqn.x a secret []\n10.0.0.9/24\n10.0.0.1\n");
  });

  test("the next kernel gets a machine whose disk has let go and whose network card is silent", () => {
    shell.write("sys/class/block/sda/device/delete", "0");
    program("kexec-load", 'echo "kexec-load $*"; echo "no memory" >&2; exit 1');
    const { text, said } = run(`
      DISK=sda INTERFACE=eth0
      kexec_prepare() { :; }; kexec_load() { :; }; umount() { :; }; parameter() { :; }
      report_finish() { echo "reports are sent"; }; report_start() { echo "reports again"; }
      login_scan() { echo "disks are looked for"; }; login_wait_for_disk() { DISK=sdb; }
      disk_never_gives_up() { echo "$DISK is the disk"; }
      ip() { echo "ip $*, disk deleted: $(cat "$SYS/class/block/sda/device/delete")"; }
      kexec_mode || echo "goes on from the network"`);
    expect(text.trim().split("\n")).toEqual([
      "reports are sent",
      "ip link set eth0 down, disk deleted: 1",
      "kexec-load start",
      "ip link set eth0 up, disk deleted: 1",
      "disks are looked for",
      "sdb is the disk",
      "reports again",
      "goes on from the network",
    ]);
    expect(said).toContain(`Linux ${RELEASE} was not started: no memory - take mode pivot`);
  });
});

/** An EFI program with a packed kernel in it, as far as the shim looks. */
function zboot(kernel: string): Buffer {
  const payload = gzipSync(kernel);
  const header = Buffer.alloc(64);
  header.write("MZ", 0);
  header.write("zimg", 4);
  header.writeUInt32LE(header.length, 8);
  header.writeUInt32LE(payload.length, 12);
  header.write("gzip", 24);
  return Buffer.concat([header, payload, Buffer.from("behind it")]);
}
