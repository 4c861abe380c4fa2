# The tmpfs that outlives switch_root, never swapped out: the swap may lie on the disk that it keeps alive. What lives in it is hidden under the target's root, so the target neither sees
# nor unmounts it; it has its own /proc, /sys and /dev because the shim's are handed to the target.

# busybox, iscsid and wpa_supplicant take 3.1 MB; the rest is leases, locks and a log of some kilobytes.
KEEP_SIZE=5m

keep_prepare() {
  # Kernels before 6.4, which mode kexec may start, cannot keep a tmpfs out of the swap; a ramfs never goes there.
  mount -t tmpfs -o mode=0700,noswap,size="$KEEP_SIZE" tmpfs "$KEEP" 2>/dev/null || mount -t ramfs -o mode=0700 ramfs "$KEEP"
  mkdir -p "$KEEP/bin" "$KEEP/sbin" "$KEEP/proc" "$KEEP/sys" "$KEEP/dev" "$KEEP/lease" "$KEEP/run/lock/iscsi" \
    "$KEEP/etc/iscsi" "$KEEP/lib"
  mount -t proc proc "$KEEP/proc"
  mount -t sysfs sysfs "$KEEP/sys"
  mount -t devtmpfs devtmpfs "$KEEP/dev"
  cp /bin/busybox /bin/keep "$KEEP/bin"
  for name in sh cat cp grep ip rm sleep; do ln -s busybox "$KEEP/bin/$name"; done
  cp /sbin/iscsid "$KEEP/sbin/iscsid"
  cp "$LIB"/dhcp-client.sh "$LIB"/dhcp-event.sh "$LIB"/interface-name.sh "$LIB"/address-keeper.sh \
    "$LIB"/console-sender.sh "$KEEP/lib"
  ! wifi_is_built_in || cp "$WIFI_SUPPLICANT" "$KEEP/sbin/wpa_supplicant"
  chmod 0755 "$KEEP/lib/dhcp-event.sh"
}

# keep_start LOG NAME PROGRAM [ARGUMENT...]: starts a program inside the tmpfs; its process id is KEPT, and one of
# ALL_KEPT. NAME must begin with '@': systemd spares such processes of root at shutdown.
keep_start() {
  keep_log=$1
  keep_name=$2
  shift 2
  keep "$keep_name" "$keep_log" "$KEEP" "$@" &
  KEPT=$!
  ALL_KEPT="$ALL_KEPT $KEPT"
}

# The last one: it holds the address of whatever way the network came up by.
keep_address() {
  mkdir -p "$KEEP/lease"
  keep_start /dev/null @/busybox /bin/busybox sh /lib/address-keeper.sh "$MAC"
}
