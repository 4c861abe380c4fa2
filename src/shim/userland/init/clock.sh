# The time. A Pi before the 5 has no clock that runs without power.

# Before this the clock has never been set: no shim is older.
CLOCK_LEAST_SECONDS=1767225600 # 2026-01-01

# clock_set SECONDS: by the boot endpoint, which says the time in every answer.
clock_set() {
  case "$1" in '' | *[!0-9]*) return ;; esac
  [ "$CLOCK_SET" = "$1" ] || date -u -s "@$1" >/dev/null 2>&1
  CLOCK_SET=$1
}

# Without anybody who tells the time the root goes on from where it was: a clock of 1970 fails every certificate, and
# makes new files older than the old.
clock_from_root() {
  [ "$(date -u +%s)" -lt "$CLOCK_LEAST_SECONDS" ] || return 0
  clock_newest=$CLOCK_LEAST_SECONDS
  for clock_file in /var/lib/systemd/timesync/clock /etc/fake-hwclock.data /var/log /var/lib /etc /run; do
    clock_time=$(date -u -r "$ROOT$clock_file" +%s 2>/dev/null)
    [ "${clock_time:-0}" -le "$clock_newest" ] || clock_newest=$clock_time
  done
  date -u -s "@$clock_newest" >/dev/null 2>&1
  say handover progress "nobody told this Pi the time: its clock starts at $(date -u -d "@$clock_newest" '+%Y-%m-%d %H:%M') UTC, when this disk was last used" \
    "until its system has asked a time server, certificates may look invalid"
}
