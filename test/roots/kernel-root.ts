/**
 * The small root with a kernel of its own, another one than the shim's: Debian's, its modules, and a boot partition as
 * a Raspberry Pi image has it. On a Pi 3 it is started with the image's device tree and an overlay and without an
 * initramfs; on any other machine with the image's own initramfs.
 */
import { chmod, cp, mkdir, readdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { cacheFolder } from "../../src/shim/cache.ts";
import { AptRoot } from "../../src/shim/debian/apt-root.ts";
import disableBt from "../../src/shim/overlays/disable-bt.dts" with { type: "text" };
import { run } from "../../src/shim/support/run.ts";
import { cachedImage } from "./cache.ts";
import { makeDiskImage, partitionIds } from "./disk-image.ts";
import { makeSmallRootFiles, SMALL_ROOT_INPUTS } from "./small-root.ts";

const SUITE = "bookworm";
const IDS = partitionIds("dos");
const SIZES = { bootMib: 40, rootMib: 96 } as const;

/** Of 290 MB of modules those that a root over the network and its tests can use. */
const MODULES = new RegExp(
  "^kernel/(arch|crypto|lib|block|net/core|net/packet|drivers/(virtio|firmware|mfd|clk|dma|char/hw_random" +
    "|net/(usb|phy|mdio|mii|virtio_net|net_failover)|net/ethernet/(broadcom/genet|cadence)" +
    "|scsi/[^/]*(iscsi|^sd_mod|scsi_mod|scsi_common|sd_mod)[^/]*$|usb/(host|dwc2|core|common|phy|roles|gadget/udc))" +
    "|fs/(ext4|jbd2|mbcache|nls|fat))",
);

/** Of the tree of the Pi 3B, for the overlay disable-bt. */
const LABELS = {
  uart0: "/soc/serial@7e201000",
  uart1: "/soc/serial@7e215040",
  bt: "/soc/serial@7e201000/bluetooth",
  uart0_gpio14: "/soc/gpio@7e200000/uart0_gpio14",
} as const;

/** Folders whose modules are packed, as distributions pack all of theirs; this machine's depmod need not know gzip. */
const PACKED = {
  "drivers/scsi": "xz --check=crc32",
  "fs/ext4": "zstd -q --rm",
  "fs/jbd2": "zstd -q --rm",
} as const;

const CONFIG_TXT = `# As Raspberry Pi's own, with what these machines lack left out
dtparam=audio=on
auto_initramfs=1
arm_64bit=1

[pi3]
auto_initramfs=0
dtoverlay=disable-bt

[pi5]
kernel=no-such-kernel.img

[all]
enable_uart=1
`;
/** The name of an SD card's partition, which is none here. */
const CMDLINE_TXT =
  "console=tty1 console=serial0,115200 root=/dev/mmcblk0p2 rootfstype=ext4 rootwait panic=-1\n";

/** What the image's own initramfs says when it runs. */
export const OWN_INITRAMFS_WORDS = "the image's own initramfs is running";

/** It knows its root only as the kernel's command line names it: the first partition with that PARTUUID's number. */
const OWN_INIT = `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev 2>/dev/null
/bin/busybox mount -t tmpfs run /run
echo "${OWN_INITRAMFS_WORDS}" >/dev/console
case " $(/bin/busybox cat /proc/cmdline) " in
  *" root=PARTUUID=${IDS.root} "*) root=/dev/sda2 ;;
  *) echo "no root= that can be found" >/dev/console ;;
esac
/bin/busybox mount -o ro $root /newroot
/bin/busybox mount --move /proc /newroot/proc
/bin/busybox mount --move /dev /newroot/dev
/bin/busybox mount --move /run /newroot/run
exec /bin/busybox switch_root /newroot /sbin/init
`;

/** Path of the raw image (137 MiB). Needs root, dtc, depmod and the mirror once. */
export async function kernelRoot(): Promise<string> {
  const text = JSON.stringify([SUITE, SIZES, MODULES.source, PACKED, CONFIG_TXT, CMDLINE_TXT, OWN_INIT]);
  return cachedImage({ name: "kernel-root.img", inputs: [...SMALL_ROOT_INPUTS, text, disableBt], make });
}

async function make(image: string, scratch: string): Promise<void> {
  const at = (name: string): string => join(scratch, name);
  await makeSmallRootFiles(at("root"), scratch);
  const kernel = await unpackKernel(at("kernel"));
  await copyModules(kernel, at("root"));
  await mkdir(at("boot/overlays"), { recursive: true });
  // The firmware takes a packed kernel under this name.
  await run(["sh", "-c", 'gzip -9 -c "$1" > "$2"', "sh", kernel.image, at("boot/kernel8.img")]);
  await writeFile(at("boot/config.txt"), CONFIG_TXT);
  await writeFile(at("boot/cmdline.txt"), CMDLINE_TXT);
  await labelTree(kernel.tree, at("boot/bcm2837-rpi-3-b.dtb"));
  const overlay = at("boot/overlays/disable-bt.dtbo");
  const source = new TextEncoder().encode(disableBt);
  await run(["dtc", "-@", "-q", "-I", "dts", "-O", "dtb", "-o", overlay, "-"], { input: source });
  await makeOwnInitramfs(at("initramfs"), at("root/bin/busybox"), at("boot/initramfs8"));
  await makeDiskImage(image, { table: "dos", ...SIZES, bootFiles: at("boot"), rootFiles: at("root") });
}

interface Kernel {
  readonly image: string;
  readonly modules: string;
  readonly tree: string;
}

async function unpackKernel(dir: string): Promise<Kernel> {
  const apt = await AptRoot.open(SUITE, { cacheDir: cacheFolder() });
  const names = (await apt.versions(/^linux-image-[\d.-]+-arm64-unsigned$/)).map(({ name }) => name);
  const newest = names.toSorted(Intl.Collator("en", { numeric: true }).compare).at(-1);
  if (!newest) throw new Error(`Debian ${SUITE} has no kernel for arm64`);
  const [deb] = await apt.download([newest]);
  if (!deb) throw new Error(`${newest} was not downloaded`);
  await apt.unpack(deb.path, dir);
  const [release] = await readdir(join(dir, "lib/modules"));
  if (!release) throw new Error(`${newest} has no modules`);
  return {
    image: join(dir, `boot/vmlinuz-${release}`),
    modules: join(dir, "lib/modules", release),
    tree: join(dir, `usr/lib/linux-image-${release}/broadcom/bcm2837-rpi-3-b.dtb`),
  };
}

/** The chosen modules, and the lists that depmod makes of them. */
async function copyModules({ modules }: Kernel, rootFiles: string): Promise<void> {
  const release = basename(modules);
  const target = join(rootFiles, "lib/modules", release);
  const all = await readdir(modules, { recursive: true });
  for (const path of all.filter((each) => each.endsWith(".ko") && MODULES.test(each))) {
    await mkdir(dirname(join(target, path)), { recursive: true });
    await cp(join(modules, path), join(target, path));
  }
  for (const [folder, command] of Object.entries(PACKED))
    await run(["sh", "-c", `${command} "$1"/*.ko`, "sh", join(target, "kernel", folder)]);
  for (const list of ["modules.builtin", "modules.order", "modules.builtin.modinfo"])
    await cp(join(modules, list), join(target, list));
  await run(["depmod", "--basedir", rootFiles, release]);
}

/** Debian's own trees have no labels, which overlays need: those that ours needs are written into one. */
async function labelTree(from: string, to: string): Promise<void> {
  await cp(from, to);
  await run(["fdtput", "--create", to, "/__symbols__"]);
  for (const [label, path] of Object.entries(LABELS))
    await run(["fdtput", "--type", "s", to, "/__symbols__", label, path]);
}

async function makeOwnInitramfs(dir: string, busybox: string, archive: string): Promise<void> {
  for (const folder of ["bin", "dev", "proc", "run", "newroot"])
    await mkdir(join(dir, folder), { recursive: true });
  await cp(busybox, join(dir, "bin/busybox"));
  await writeFile(join(dir, "init"), OWN_INIT);
  await chmod(join(dir, "init"), 0o755);
  const pack = 'cd "$1" && find . | cpio --quiet -o -H newc | gzip -9 > "$2"';
  await run(["sh", "-c", pack, "sh", dir, archive]);
}
