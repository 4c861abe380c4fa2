/** Ready commands for each kind of initiator, with the login filled in. */
import { BLANK } from "./record.ts";

export interface RecipeInput {
  readonly iqn: string;
  /** "192.168.1.10:3260" */
  readonly portal: string;
  readonly chap_user: string;
  readonly chap_secret: string;
  /** What lies under its disks: a blank one gets a file system first. */
  readonly luns: readonly { readonly image: string }[];
}

export interface Recipe {
  /** Who types it. */
  readonly client: string;
  readonly text: string;
}

/**
 * The recipes for a session, the commonest first. User names, secrets and names of targets are made by us from letters,
 * digits and a few signs, none of which means anything to a shell.
 */
export function recipesFor(session: RecipeInput): readonly Recipe[] {
  const { iqn, portal, chap_user: user, chap_secret: secret } = session;
  const colon = portal.lastIndexOf(":");
  const address = portal.slice(0, colon).replace(/^\[|\]$/g, "");
  const port = portal.slice(colon + 1);
  const host = address.includes(":") ? `[${address}]` : address;
  const url = `iscsi://${user}%${secret}@${host}:${port}/${iqn}/0`;
  return [
    {
      client: "Linux",
      text: lines(
        // One command for the shell: pasted line by line, the first sudo's terminal would swallow the lines after it.
        [
          "sudo apt install -y open-iscsi",
          `sudo iscsiadm -m node -T ${iqn} -p ${portal} -o new`,
          ...[
            ["authmethod", "CHAP"],
            ["username", user],
            ["password", secret],
          ].map(
            ([name, value]) =>
              `sudo iscsiadm -m node -T ${iqn} -p ${portal} -o update -n node.session.auth.${name} -v ${value}`,
          ),
          `sudo iscsiadm -m node -T ${iqn} -p ${portal} --login`,
          ...mountOnLinux(session),
        ].join(" &&\n"),
        `# When you are done: sudo umount /mnt && sudo iscsiadm -m node -T ${iqn} -p ${portal} --logout`,
      ),
    },
    {
      client: "Windows (PowerShell as administrator)",
      text: lines(
        "Start-Service MSiSCSI",
        `New-IscsiTargetPortal -TargetPortalAddress ${address} -TargetPortalPortNumber ${port} \``,
        `  -AuthenticationType ONEWAYCHAP -ChapUsername ${user} -ChapSecret ${secret}`,
        `Connect-IscsiTarget -NodeAddress ${iqn} -TargetPortalAddress ${address} -TargetPortalPortNumber ${port} \``,
        `  -AuthenticationType ONEWAYCHAP -ChapUsername ${user} -ChapSecret ${secret}`,
        `Get-IscsiSession | Where-Object TargetNodeAddress -eq ${iqn} | Get-Disk${isBlank(session) ? FORMAT_ON_WINDOWS : ""}`,
      ),
    },
    {
      client: "macOS (an initiator such as iSCSI Initiator or globalSAN)",
      text: lines(`Portal    ${portal}`, `Target    ${iqn}`, `CHAP name ${user}`, `Secret    ${secret}`),
    },
    {
      client: "QEMU",
      text: lines(
        `qemu-img info '${url}'`,
        `qemu-system-x86_64 -m 2G -drive 'file=${url},format=raw,if=virtio'`,
      ),
    },
    {
      client: "iPXE",
      text: lines(
        "#!ipxe",
        "dhcp",
        `set username ${user}`,
        `set password ${secret}`,
        `sanboot iscsi:${host}:6:${port}:0:${iqn}`,
      ),
    },
    {
      client: "ESP32 bridge, or any client with a form",
      text: lines(
        `host   ${address}`,
        `port   ${port}`,
        `target ${iqn}`,
        "lun    0",
        `user   ${user}`,
        `secret ${secret}`,
      ),
    },
  ];
}

/** Windows touches a disk with no partition table alone: what was formatted before is listed and left as it is. */
const FORMAT_ON_WINDOWS = ` | Where-Object PartitionStyle -eq RAW \`
  | Initialize-Disk -PassThru | New-Partition -AssignDriveLetter -UseMaximumSize | Format-Volume`;

/** From the login to files, by udev's name of the disk: a blank disk gets a file system once, of an image partition 2, a Pi's root, is mounted. */
function mountOnLinux(session: RecipeInput): readonly string[] {
  const disk = `/dev/disk/by-path/ip-${session.portal}-iscsi-${session.iqn}-lun-0`;
  const look = `sudo udevadm settle && lsblk ${disk}`;
  if (isBlank(session))
    return [look, `if ! sudo blkid -p ${disk}; then sudo mkfs.ext4 ${disk}; fi`, `sudo mount ${disk} /mnt`];
  return [look, `sudo mount ${disk}-part2 /mnt`];
}

const isBlank = ({ luns }: RecipeInput): boolean => luns[0]?.image === BLANK;

const lines = (...all: readonly string[]): string => all.join("\n");
