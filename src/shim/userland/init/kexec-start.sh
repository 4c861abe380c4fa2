#!/pinetboot/bin/busybox sh
# PID 1 of a kernel that has the image's own initramfs: our part finds the disk, then the image's goes on.

BASE=/pinetboot
BUSYBOX=$BASE/bin/busybox

if [ -x /init ]; then
  "$BUSYBOX" chroot "$BASE" /init "$@"
  for mount in run dev sys proc; do "$BUSYBOX" umount "$BASE/$mount"; done
  for name in init bin sbin lib continued; do "$BUSYBOX" rm -rf "$BASE/$name" 2>/dev/null; done
  exec "$BASE/keep/bin/busybox" sh "$BASE/keep/lib/kexec-init.sh" "$@"
fi
# An initramfs that only brings files, firmware for instance: then ours is the whole.
"$BUSYBOX" cp -a "$BASE"/* /
"$BUSYBOX" rm -f /continued/then-initramfs
exec /bin/busybox sh /init "$@"
