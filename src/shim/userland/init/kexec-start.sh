#!/pinetboot/bin/busybox sh
# PID 1 of a kernel that has the image's own initramfs: our part finds the disk, then the image's goes on.

BASE=/pinetboot
BUSYBOX=$BASE/bin/busybox

if [ -x /init ]; then
  "$BUSYBOX" chroot "$BASE" /init "$@"
  # The programs that keep the disk alive have mounts of their own, below $BASE/keep.
  for mount in run dev sys proc; do "$BUSYBOX" umount "$BASE/$mount"; done
  exec /init "$@"
fi
# An initramfs that only brings files, firmware for instance: then ours is the whole.
"$BUSYBOX" cp -a "$BASE"/* /
exec /bin/busybox sh /init "$@"
