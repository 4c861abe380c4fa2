/** The files of a Debian for arm64 with every init and network manager that the roots need, as a tar in the cache. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../../src/shim/cache.ts";
import { findKeyring, findMirror } from "../../src/shim/debian/mirror.ts";
import { takeFileLock } from "../../src/shim/support/file-lock.ts";
import { run } from "../../src/shim/support/run.ts";
import { cachedImage } from "./cache.ts";

const SUITE = "bookworm";
/** What is installed as Debian does it: under emulation that takes minutes, so it is what the roots have in common. */
const PACKAGES = "systemd-sysv,udev,iproute2,dbus,login,util-linux,kmod,initscripts,sysv-rc,ifupdown";
/** The other managers are only unpacked, with what they need: a root enables one, or none. */
const UNPACKED = "network-manager dhcpcd isc-dhcp-client";
/** sysvinit-core cannot be installed beside systemd's init: its files lie here. */
export const SYSVINIT_FILES = "opt/sysvinit-core";
/** Run by mmdebstrap with the root's folder, while its apt still has its lists. */
const UNPACK = `
set -e
cd "$1"
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
apt-get --quiet --yes --download-only --no-install-recommends install ${UNPACKED}
for package in var/cache/apt/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar --extract --keep-directory-symlink
done
apt-get --quiet download sysvinit-core
dpkg-deb --extract sysvinit-core_*.deb ${SYSVINIT_FILES}
rm sysvinit-core_*.deb
# What dhcpcd's installation would have made: the user that its unprivileged half runs as.
echo 'dhcpcd:x:990:990::/usr/lib/dhcpcd:/usr/sbin/nologin' >> etc/passwd
echo 'dhcpcd:x:990:' >> etc/group
mkdir -p var/lib/dhcpcd
`;
const LEFT_OUT = ["/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*"];

/**
 * Registers arm64 programs with the kernel for the time of one command, in mounts of its own. The registration
 * itself is the machine's: it is taken away again unless it was there before.
 */
const WITH_ARM64 = `
set -e
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
entry=/proc/sys/fs/binfmt_misc/qemu-aarch64
if [ ! -e $entry ]; then
  cat /usr/lib/binfmt.d/qemu-aarch64.conf > /proc/sys/fs/binfmt_misc/register
  trap 'echo -1 > $entry' EXIT
fi
"$@"
`;

/** What changes the files below; goes into the hash of everything made of them. */
export const BASE_INPUTS: readonly string[] = [SUITE, PACKAGES, UNPACK, ...LEFT_OUT];

/**
 * Unpacks the files, owners and device nodes included, into a new folder. Needs root, zstd and, once for this machine,
 * mmdebstrap, qemu-user-static and the mirror.
 */
export async function unpackDebianBase(dir: string): Promise<void> {
  const archive = await cachedImage({ name: "debian-base.tar.zst", inputs: BASE_INPUTS, make: debootstrap });
  await mkdir(dir);
  await run(["tar", "--extract", "--numeric-owner", "--zstd", "--file", archive, "--directory", dir]);
}

async function debootstrap(archive: string): Promise<void> {
  const keyring = findKeyring();
  const signedBy = keyring ? `[signed-by=${keyring}] ` : "";
  const source = `deb ${signedBy}${await findMirror(run)} ${SUITE} main`;
  const dpkgOptions = ["force-unsafe-io", ...LEFT_OUT.map((path) => `path-exclude=${path}`)];
  const flags = [
    "--quiet",
    "--architectures=arm64",
    "--variant=minbase",
    "--mode=root",
    `--include=${PACKAGES}`,
    // Its own test for arm64 programs wants one more package; a failure would show at the first of them.
    "--skip=check/qemu",
    ...dpkgOptions.map((option) => `--dpkgopt=${option}`),
    `--customize-hook=${UNPACK}`,
  ];
  await runArm64(["mmdebstrap", ...flags, SUITE, archive, source]);
}

/** Runs a command whose children are programs for arm64, one at a time: a second would lose the first one's registration. */
export async function runArm64(command: readonly string[]): Promise<void> {
  const lock = await takeFileLock(join(cacheFolder(), "test", "arm64-programs.lock"));
  try {
    await run(["unshare", "--mount", "sh", "-c", WITH_ARM64, "sh", ...command]);
  } finally {
    await lock.release();
  }
}
