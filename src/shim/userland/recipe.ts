/** How our programs are compiled: data, so that it can be hashed. */

export const CROSS_COMPILER = "aarch64-linux-gnu-gcc";

/** Small above all: the whole initramfs travels by TFTP. Unwind tables would be a tenth of it. */
export const COMPILE_FLAGS = [
  "-Os",
  "-std=gnu99",
  "-ffunction-sections",
  "-fdata-sections",
  "-fno-asynchronous-unwind-tables",
  "-fno-unwind-tables",
  "-fno-stack-protector",
] as const;

/** 4 KiB pages are what our kernel has; the default of 64 KiB would be mostly holes. */
export const LINK_FLAGS = [
  "-nostdlib",
  "-static",
  "-s",
  "-Wl,--gc-sections",
  "-Wl,--build-id=none",
  "-Wl,-z,max-page-size=4096",
  "-Wl,-z,noseparate-code",
] as const;

/** open-iscsi's own switches, as its build files set them. */
export const OPEN_ISCSI_DEFINES = [
  "-D_GNU_SOURCE",
  "-DNO_SYSTEMD",
  '-DISCSI_CONFIG_ROOT="/etc/iscsi"',
  '-DISCSI_DB_ROOT="/etc/iscsi"',
  '-DLOCK_DIR="/run/lock/iscsi"',
  '-DISCSI_VERSION_STR="pinetboot"',
  '-DISCSI_NAME_PREFIX="iqn.2016-04.com.open-iscsi"',
] as const;

/** What iscsistart and iscsid have in common, below open-iscsi's source folder. */
export const OPEN_ISCSI_SOURCES = [
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

export const OPEN_ISCSI_INCLUDES = ["include", "libopeniscsiusr", "usr"] as const;

/** Our own files that open-iscsi links with. */
export const OPEN_ISCSI_HELPERS = ["chap-digests.c", "absent-features.c", "log-lines.c"] as const;

/** What our own programs of mode kexec have in common, and what each adds. */
export const KEXEC_TREE_SOURCES = [
  "kexec/kexec-tree.c",
  "kexec/tree.c",
  "kexec/overlay.c",
  "kexec/parameter.c",
  "kexec/firmware.c",
] as const;
export const KEXEC_LOAD_SOURCES = [
  "kexec/kexec-load.c",
  "kexec/tree.c",
  "kexec/image.c",
  "kexec/memory.c",
] as const;

/** zstd's decoder alone, the small one of each choice, without formats of before 1.0. */
export const ZSTD_DEFINES = [
  "-DXXH_NAMESPACE=ZSTD_",
  "-DZSTD_LEGACY_SUPPORT=0",
  "-DHUF_FORCE_DECOMPRESS_X1",
  "-DZSTD_FORCE_DECOMPRESS_SEQUENCES_SHORT",
  "-DZSTD_NO_INLINE",
  "-DZSTD_NO_INTRINSICS",
  "-DZSTD_STRIP_ERROR_STRINGS",
  "-DZSTD_DISABLE_ASM",
  "-DDYNAMIC_BMI2=0",
] as const;

/** Below zstd's source folder. */
export const ZSTD_SOURCES = [
  "lib/common/entropy_common.c",
  "lib/common/error_private.c",
  "lib/common/fse_decompress.c",
  "lib/common/xxhash.c",
  "lib/common/zstd_common.c",
  "lib/decompress/huf_decompress.c",
  "lib/decompress/zstd_ddict.c",
  "lib/decompress/zstd_decompress.c",
  "lib/decompress/zstd_decompress_block.c",
] as const;
