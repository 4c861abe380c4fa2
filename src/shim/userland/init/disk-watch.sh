# Tells when the target goes away while the root is looked for and mounted: reads wait then, and nothing else would speak.

# disk_watched COMMAND [ARGUMENT...]
disk_watched() {
  disk_watch </dev/null >/dev/null 2>&1 &
  disk_watcher=$!
  "$@"
  disk_watched_result=$?
  kill "$disk_watcher" 2>/dev/null || :
  return "$disk_watched_result"
}

disk_watch() {
  # Its reports must not take the names of those that the shim itself makes meanwhile.
  REPORT_FROM=w
  disk_is_lost=
  while :; do
    sleep 1
    disk_watch_once
  done
}

disk_watch_once() {
  if [ "$(cat "$SYS/class/iscsi_session/$SESSION/state" 2>/dev/null)" = LOGGED_IN ]; then
    [ -z "$disk_is_lost" ] || say login ok "the disk is back, the boot goes on"
    disk_is_lost=
  elif [ -z "$disk_is_lost" ]; then
    disk_is_lost=1
    say login fail "the disk's server $(parameter iscsi.ip):$(parameter_port) went away in the middle of the boot" \
      "start it again, look at the cable: the boot goes on by itself when it is back"
  fi
}
