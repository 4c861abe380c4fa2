# The end of the shim: its mounts go to the target, its files go away, the target's init becomes PID 1.

# handover [ARGUMENT...]: the words of the command line that the kernel did not know (single, emergency, 3) go to the
# target's init. Returns only when something is missing.
handover() {
  [ -x "$ROOT$(root_resolve "$INIT")" ] || {
    say handover fail "$INIT is gone from $DEV/$PARTITION" "choose another image"
    return 1
  }
  clock_from_root
  module_pack_lay
  [ -n "$ADDRESS_KEPT" ] || keep_address
  ADDRESS_KEPT=yes
  {
    target_hints
    target_resolv_conf
  } 2>"$STATE/hints.error"
  cpus_bring_up
  help_disk_remove
  say handover ok "starting $INIT from $DEV/$PARTITION"
  report_finish "$REPORT_PATIENCE_SECONDS"
  screen_close
  for handover_directory in proc sys dev run; do mkdir -p "$ROOT/$handover_directory" 2>/dev/null; done
  mount --move "$RUN" "$ROOT/run"
  mount --move "$DEV" "$ROOT/dev"
  mount --move "$SYS" "$ROOT/sys"
  mount --move "$PROC" "$ROOT/proc"
  unset LC_ALL PATH
  exec /bin/busybox switch_root -c /dev/console "$ROOT" "$INIT" "$@"
}
