/** Real Debians for arm64, stand-ins for Raspberry Pi OS and Alpine; a GPT disk each. */
import { appendFile, chmod, mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../src/shim/support/run.ts";
import { cachedImage } from "./cache.ts";
import countWrites from "./count-writes.sh" with { type: "text" };
import { BASE_INPUTS, SYSVINIT_FILES, unpackDebianBase } from "./debian-base.ts";
import { type Flavour, type FlavourRow, FLAVOURS, MANAGERS_ENABLED } from "./debian-flavours.ts";
import { makeDiskImage, partitionIds } from "./disk-image.ts";
import { ROOT_PASSWORD_HASH } from "./password.ts";

/** What mmdebstrap copies from the machine that it runs on. */
const OF_THE_MAKER = ["etc/resolv.conf"];

const IDS = partitionIds("gpt");
const SIZES = { bootMib: 64, rootMib: 768 } as const;
/** What a system with a kernel package has. */
const FOLDERS = ["boot/firmware", "usr/lib/modules"];
/** Where the root's partition begins on the disk: after the table and the boot partition. */
export const DEBIAN_ROOT_OFFSET_BYTES = (1 + SIZES.bootMib) * 1024 * 1024;
/** Timers that would use the disk and the network in the middle of a test. */
const MASKED = [
  "apt-daily.timer",
  "apt-daily-upgrade.timer",
  "e2scrub_all.timer",
  "fstrim.timer",
  "dpkg-db-backup.timer",
];
const FSTAB = `PARTUUID=${IDS.root} / ext4 defaults,noatime 0 1
PARTUUID=${IDS.boot} /boot/firmware vfat defaults 0 2
`;
const BOOT_FILES = {
  "config.txt": "arm_64bit=1\nenable_uart=1\n",
  "cmdline.txt": `console=serial0,115200 console=tty1 root=PARTUUID=${IDS.root} rootfstype=ext4 rootwait\n`,
} as const;

/** Under emulation, on a busy machine, udev may take longer than systemd's 90 s to show a partition. */
const PATIENT_SYSTEMD = "[Manager]\nDefaultDeviceTimeoutSec=10min\nDefaultTimeoutStartSec=10min\n";
/** What `systemctl enable` does: the links that the unit's own [Install] section asks for. */
const ENABLE_UNIT = `
set -e
unit=$1
for target in $(sed -n 's/^WantedBy=//p' "lib/systemd/system/$unit"); do
  mkdir -p "etc/systemd/system/$target.wants"
  ln -s "/lib/systemd/system/$unit" "etc/systemd/system/$target.wants/$unit"
done
`;
/** What installing sysvinit-core in place of systemd-sysv does, with a login on whatever console the kernel has. */
const USE_SYSVINIT = `
set -e
tar -C ${SYSVINIT_FILES} -c . | tar -x --keep-directory-symlink
sed '/^[1-6]:.*getty/d' usr/share/sysvinit/inittab > etc/inittab
echo 'T0:2345:respawn:/sbin/getty -L 115200 console vt100' >> etc/inittab
`;
const DISABLE_MANAGERS = `rm -f ${MANAGERS_ENABLED.join(" ")}`;

/**
 * Path of the raw image (833 MiB, some 300 MiB of it used) of a flavour. Without one: systemd, and networkd for the
 * network. Needs what `unpackDebianBase` needs.
 */
export async function debianRoot(flavour: Flavour = "networkd"): Promise<string> {
  const row: FlavourRow = FLAVOURS[flavour];
  const texts = [
    JSON.stringify([row, SIZES, FOLDERS, MASKED, FSTAB, BOOT_FILES, OF_THE_MAKER]),
    countWrites,
    ROOT_PASSWORD_HASH,
  ];
  return cachedImage({
    name: `debian-${flavour}.img`,
    inputs: [...BASE_INPUTS, ...texts, PATIENT_SYSTEMD, ENABLE_UNIT, USE_SYSVINIT, DISABLE_MANAGERS],
    async make(image, scratch) {
      const rootFiles = join(scratch, "root");
      const bootFiles = join(scratch, "boot");
      await unpackDebianBase(rootFiles);
      await customize(rootFiles, row);
      await writeFiles(bootFiles, BOOT_FILES);
      await makeDiskImage(image, { table: "gpt", ...SIZES, bootFiles, rootFiles });
    },
  });
}

async function customize(rootFiles: string, { init, services, files }: FlavourRow): Promise<void> {
  const inRoot = (path: string): string => join(rootFiles, path);
  const shell = (script: string, ...words: string[]): Promise<string> =>
    run(["sh", "-c", script, "sh", ...words], { cwd: rootFiles });
  for (const folder of FOLDERS) await mkdir(inRoot(folder), { recursive: true });
  for (const path of OF_THE_MAKER) await rm(inRoot(path), { force: true });
  await writeFiles(rootFiles, {
    "etc/fstab": FSTAB,
    "etc/hostname": "debian-root\n",
    "etc/machine-id": "",
    "etc/systemd/system.conf.d/patient.conf": PATIENT_SYSTEMD,
    "usr/local/bin/count-writes": countWrites,
    ...files,
  });
  await appendFile(inRoot("root/.profile"), "PS1='# '\n");
  await chmod(inRoot("usr/local/bin/count-writes"), 0o755);
  await run(["sed", "-i", `s|^root:[^:]*:|root:${ROOT_PASSWORD_HASH}:|`, inRoot("etc/shadow")]);
  await shell(DISABLE_MANAGERS);
  if (init === "sysvinit") {
    await shell(USE_SYSVINIT);
    return;
  }
  for (const unit of services) await shell(ENABLE_UNIT, unit);
  // What `systemctl mask` does; the machine that makes the root may have no systemd.
  for (const unit of MASKED) await symlink("/dev/null", inRoot(`etc/systemd/system/${unit}`));
}

async function writeFiles(dir: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) await Bun.write(join(dir, path), text);
}
