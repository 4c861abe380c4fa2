/** The peer: an initramfs of Debian's initramfs-tools with open-iscsi, for the shim's kernel. Made once, by emulation. */
import { join } from "node:path";
import { cacheFolder } from "../../src/shim/cache.ts";
import { AptRoot } from "../../src/shim/debian/apt-root.ts";
import { run } from "../../src/shim/support/run.ts";
import { cachedImage } from "../../test/roots/cache.ts";
import { BASE_INPUTS, runArm64, unpackDebianBase } from "../../test/roots/debian-base.ts";

const SUITE = "bookworm";
/** Only unpacked: mkinitramfs wants their files. */
const PACKAGES = [
  "initramfs-tools",
  "initramfs-tools-core",
  "linux-base",
  "klibc-utils",
  "libklibc",
  "busybox",
  "cpio",
  "zstd",
  "open-iscsi",
  "libopeniscsiusr",
  "libisns0",
  "libkmod2",
  "libmount1",
];
/** As its manual has it for a root by iSCSI; the target itself comes by the command line. */
const SET_UP = `
set -e
cd "$1"
mkdir -p "lib/modules/$2" etc/iscsi boot
printf 'CONFIG_RD_ZSTD=y\nCONFIG_RD_GZIP=y\n' > "boot/config-$2"
: > "lib/modules/$2/modules.order"
: > "lib/modules/$2/modules.builtin"
: > etc/iscsi/iscsi.initramfs
echo InitiatorName=iqn.2026-01.example:bench > etc/iscsi/initiatorname.iscsi
sed -i 's/^COMPRESS=.*/COMPRESS=zstd/' etc/initramfs-tools/initramfs.conf
`;

/** Path of the initramfs for a kernel of that release, zstd inside (Debian's default). */
export async function debianInitramfs(release: string): Promise<string> {
  return cachedImage({
    name: "debian-initramfs.img",
    inputs: [...BASE_INPUTS, ...PACKAGES, SET_UP, release],
    async make(image, scratch) {
      const root = join(scratch, "root");
      await unpackDebianBase(root);
      const apt = await AptRoot.open(SUITE, { cacheDir: cacheFolder() });
      for (const { path } of await apt.download(PACKAGES)) {
        const unpack = 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"';
        await run(["sh", "-c", unpack, "sh", path, root]);
      }
      await run(["sh", "-c", SET_UP, "sh", root, release]);
      await runArm64(["chroot", root, "mkinitramfs", "-o", "/initramfs.img", release]);
      await run(["cp", join(root, "initramfs.img"), image]);
    },
  });
}
