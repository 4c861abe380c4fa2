/** iscsistart and iscsid of open-iscsi, with small files of ours in place of the libraries that they ask for. */
import { OUR_FLAGS, THEIR_FLAGS, type CodeRow } from "./code-row.ts";

/** open-iscsi's own switches, as its build files set them. */
const DEFINES = [
  "-D_GNU_SOURCE",
  "-DNO_SYSTEMD",
  '-DISCSI_CONFIG_ROOT="/etc/iscsi"',
  '-DISCSI_DB_ROOT="/etc/iscsi"',
  '-DLOCK_DIR="/run/lock/iscsi"',
  '-DISCSI_VERSION_STR="pinetboot"',
  '-DISCSI_NAME_PREFIX="iqn.2016-04.com.open-iscsi"',
] as const;

/** What iscsistart and iscsid have in common, below open-iscsi's source folder. */
const COMMON_FILES = [
  "libopeniscsiusr/context.c",
  "libopeniscsiusr/default.c",
  "libopeniscsiusr/idbm.c",
  "libopeniscsiusr/iface.c",
  "libopeniscsiusr/misc.c",
  "libopeniscsiusr/node.c",
  "libopeniscsiusr/session.c",
  "libopeniscsiusr/sysfs.c",
  "usr/actor.c",
  "usr/auth.c",
  "usr/be2iscsi.c",
  "usr/cxgbi.c",
  "usr/event_poll.c",
  "usr/flashnode.c",
  "usr/host.c",
  "usr/idbm.c",
  "usr/iface.c",
  "usr/initiator.c",
  "usr/initiator_common.c",
  "usr/io.c",
  "usr/iscsi_err.c",
  "usr/iscsi_net_util.c",
  "usr/iscsi_sysfs.c",
  "usr/iscsi_timer.c",
  "usr/iscsi_util.c",
  "usr/iscsid_req.c",
  "usr/iser.c",
  "usr/kern_err_table.c",
  "usr/log.c",
  "usr/login.c",
  "usr/mgmt_ipc.c",
  "usr/netlink.c",
  "usr/scsi.c",
  "usr/session_info.c",
  "usr/sysfs.c",
  "usr/transport.c",
  "usr/uip_mgmt_ipc.c",
] as const;

const INCLUDES = [
  "ours/include",
  "open-iscsi/include",
  "open-iscsi/libopeniscsiusr",
  "open-iscsi/usr",
] as const;

/** Our own files that open-iscsi links with. */
const HELPERS = ["chap-digests.c", "absent-features.c", "log-lines.c"] as const;

const COMMON = [
  {
    from: "open-iscsi",
    files: COMMON_FILES,
    includes: INCLUDES,
    flags: [...DEFINES, ...THEIR_FLAGS],
  },
  { from: "ours", files: HELPERS, includes: INCLUDES, flags: OUR_FLAGS },
] as const satisfies readonly CodeRow[];

/** The initiator that logs in once, before there is a root. */
export const ISCSISTART: readonly CodeRow[] = [mainFile("usr/iscsistart.c"), ...COMMON];

/** The initiator that stays, and logs in again whenever the target was away. */
export const ISCSID: readonly CodeRow[] = [mainFile("usr/iscsid.c"), ...COMMON];

function mainFile(name: string): CodeRow {
  return { from: "open-iscsi", files: [name], includes: INCLUDES, flags: [...DEFINES, ...THEIR_FLAGS] };
}
