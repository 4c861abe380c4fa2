#!/bin/busybox sh
# console-sender.sh URL: posts the kernel's log, raw records as /dev/kmsg gives them, in pieces. It runs in the tmpfs that
# outlives switch_root, whose few MB belong to others: so what cannot be sent stays in a pipe, and then in the kernel.

PATH=/bin
PIECE=/run/console
PIECE_SIZE=12k
# One piece at most in that time, and a server that is away is asked more rarely.
PAUSE_SECONDS=1
AWAY_SECONDS=10
TIMEOUT_SECONDS=10

while :; do
  # It ends when the kernel has overwritten what it was to read next: then it begins again at the oldest line there is.
  cat /dev/kmsg 2>/dev/null | while :; do
    busybox dd bs="$PIECE_SIZE" count=1 of="$PIECE" 2>/dev/null
    [ -s "$PIECE" ] || break
    until busybox wget -q -T "$TIMEOUT_SECONDS" -O /dev/null --post-file "$PIECE" "$1" 2>/dev/null; do
      sleep "$AWAY_SECONDS"
    done
    sleep "$PAUSE_SECONDS"
  done
  sleep "$AWAY_SECONDS"
done
