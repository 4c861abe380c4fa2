# Reports for the boot endpoint: queued as files from the first moment, posted in their order by one background process.

REPORT_TIMEOUT_SECONDS=5
# What a handover or a restart waits for the last reports to leave.
REPORT_PATIENCE_SECONDS=5
# With no server for hours a queue must not eat the memory: the oldest go.
REPORT_QUEUE_MAX=200

# report STAGE STATE DETAIL FIX: kept also while no server is known; one may be found.
report() {
  mkdir -p "$STATE/reports"
  report_number=$((${report_number:-100000} + 1))
  printf 'stage=%s&state=%s&detail=%s&fix=%s' "$1" "$2" "$(url_encode "$3")" "$(url_encode "$4")" \
    >"$STATE/reports/.new$REPORT_FROM"
  mv "$STATE/reports/.new$REPORT_FROM" "$STATE/reports/$report_number$REPORT_FROM"
  rm -f "$STATE/reports/$((report_number - REPORT_QUEUE_MAX))"
}

# Starts the process that posts what is queued; once per boot, when the network is there.
report_start() {
  [ -n "$SERVER" ] && [ -z "$REPORTER" ] || return 0
  report_loop &
  REPORTER=$!
}

# SERVER is another one from now on: what is queued goes there.
report_server_changed() {
  [ -z "$REPORTER" ] || kill "$REPORTER" 2>/dev/null || :
  REPORTER=
}

report_loop() {
  while :; do
    for queued in "$STATE"/reports/*; do
      [ -f "$queued" ] || continue
      report_post "$queued" && rm -f "$queued" || break
    done
    sleep 1
  done
}

# The MAC is put in here: a report can be older than the choice of the interface.
report_post() {
  report_body="serial=$SERIAL&mac=$(cat "$STATE/mac" 2>/dev/null)&boot=$BOOT_ID&$(cat "$1")"
  wget -q -T "$REPORT_TIMEOUT_SECONDS" -O /dev/null --post-data "$report_body" "http://$SERVER/v1/report" 2>/dev/null
}

# Waits until everything is posted, or $1 seconds, and ends the background process.
report_finish() {
  [ -n "$REPORTER" ] || return 0
  report_left=$1
  while [ "$report_left" -gt 0 ] && [ -n "$(ls "$STATE/reports" 2>/dev/null)" ]; do
    sleep 1
    report_left=$((report_left - 1))
  done
  kill "$REPORTER" 2>/dev/null || :
  REPORTER=
}

# Every byte as %XX: simple, and right for any text.
url_encode() {
  printf '%s' "$1" | hexdump -ve '1/1 "%02x"' | sed 's/../%&/g'
}
