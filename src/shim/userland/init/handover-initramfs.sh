# The end of our part in a kernel that has the image's own initramfs: the disk is there, the image's /init goes on.

# Leaves with 0: kexec-start.sh, which is PID 1, then starts the image's /init.
handover_to_initramfs() {
  [ -n "$ADDRESS_KEPT" ] || keep_address
  ADDRESS_KEPT=yes
  cp -a "$CONTINUED/hints" "$KEEP"
  cp "$LIB/keep-hints.sh" "$LIB/kexec-init.sh" "$KEEP/lib"
  keep_start /dev/kmsg @/busybox /bin/busybox sh /lib/keep-hints.sh
  (RUN=$KEEP/hints && hint_killall)
  help_disk_remove
  say handover ok "the image's own initramfs goes on with $DEV/$DISK"
  report_finish "$REPORT_PATIENCE_SECONDS"
  screen_close
  exit 0
}
