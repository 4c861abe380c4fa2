/** A real Debian with systemd for arm64, made by mmdebstrap under qemu-user; a GPT disk. */
import { appendFile, chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findKeyring, findMirror } from "../../src/shim/debian/mirror.ts";
import { run } from "../../src/shim/support/run.ts";
import { cachedImage } from "./cache.ts";
import countWrites from "./count-writes.sh" with { type: "text" };
import { makeDiskImage, partitionIds } from "./disk-image.ts";
import { ROOT_PASSWORD_HASH } from "./password.ts";

const SUITE = "bookworm";
const PACKAGES = "systemd-sysv,udev,iproute2,dbus,login,util-linux";
const IDS = partitionIds("gpt");
const SIZES = { bootMib: 64, rootMib: 512 } as const;
/** Timers that would use the disk and the network in the middle of a test. */
const MASKED = [
  "apt-daily.timer",
  "apt-daily-upgrade.timer",
  "e2scrub_all.timer",
  "fstrim.timer",
  "dpkg-db-backup.timer",
];
const LEFT_OUT = ["/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*"];
const FSTAB = `PARTUUID=${IDS.root} / ext4 defaults,noatime 0 1
PARTUUID=${IDS.boot} /boot/firmware vfat defaults 0 2
`;
const BOOT_FILES = {
  "config.txt": "arm_64bit=1\nenable_uart=1\n",
  "cmdline.txt": `console=serial0,115200 console=tty1 root=PARTUUID=${IDS.root} rootfstype=ext4 rootwait\n`,
} as const;

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

/** Path of the raw image (577 MiB, 200 MiB of it used). Needs root, mmdebstrap, qemu-user-static and the mirror once. */
export async function debianRoot(): Promise<string> {
  const text = JSON.stringify([SUITE, PACKAGES, SIZES, MASKED, LEFT_OUT, FSTAB, BOOT_FILES]);
  return cachedImage({ name: "debian-root.img", inputs: [text, countWrites, ROOT_PASSWORD_HASH], make });
}

async function make(image: string, scratch: string): Promise<void> {
  const rootFiles = join(scratch, "root");
  const bootFiles = join(scratch, "boot");
  await debootstrap(rootFiles);
  await customize(rootFiles);
  await mkdir(bootFiles);
  for (const [name, text] of Object.entries(BOOT_FILES)) await writeFile(join(bootFiles, name), text);
  await makeDiskImage(image, { table: "gpt", ...SIZES, bootFiles, rootFiles });
}

async function debootstrap(rootFiles: string): Promise<void> {
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
  ];
  await run([
    "unshare",
    "--mount",
    "sh",
    "-c",
    WITH_ARM64,
    "sh",
    "mmdebstrap",
    ...flags,
    SUITE,
    rootFiles,
    source,
  ]);
}

async function customize(rootFiles: string): Promise<void> {
  const inRoot = (path: string): string => join(rootFiles, path);
  await mkdir(inRoot("boot/firmware"), { recursive: true });
  await writeFile(inRoot("etc/fstab"), FSTAB);
  await writeFile(inRoot("etc/hostname"), "debian-root\n");
  await writeFile(inRoot("etc/machine-id"), "");
  await appendFile(inRoot("root/.profile"), "PS1='# '\n");
  await writeFile(inRoot("usr/local/bin/count-writes"), countWrites);
  await chmod(inRoot("usr/local/bin/count-writes"), 0o755);
  await run(["sed", "-i", `s|^root:[^:]*:|root:${ROOT_PASSWORD_HASH}:|`, inRoot("etc/shadow")]);
  // What `systemctl mask` does; the machine that makes the root may have no systemd.
  for (const unit of MASKED) await symlink("/dev/null", inRoot(`etc/systemd/system/${unit}`));
}
