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

/**
 * The kernel unpacks the shim's own initramfs first, whose /bin, /sbin and /lib are folders; a link of that name would
 * not replace them, and the peer's programs would not find their libraries. So the links point the other way round.
 */
const REPACK = `
set -e
mkdir tree
cd tree
zstd --decompress --stdout "$1" | cpio --extract --make-directories --quiet
for folder in bin sbin lib; do
  rm $folder
  mv usr/$folder $folder
  ln -s ../$folder usr/$folder
done
find . | sort | cpio --create --format=newc --quiet | zstd --quiet -19 > "$2"
`;

/** Path of the initramfs for a kernel of that release, zstd inside (Debian's default). */
export async function debianInitramfs(release: string): Promise<string> {
  return cachedImage({
    name: "debian-initramfs.img",
    inputs: [...BASE_INPUTS, ...PACKAGES, SET_UP, REPACK, release],
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
      await run(["sh", "-c", REPACK, "sh", join(root, "initramfs.img"), image], { cwd: scratch });
    },
  });
}
