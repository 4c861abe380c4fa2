#!/bin/sh
# count-writes FILE [PAUSE]: appends 1, 2, 3 ... to a file, each on the disk before its number is said, with a pause of
# so many seconds after each. Any error ends it with "failed N".
n=0
while :; do
  n=$((n + 1))
  if echo "$n" | dd of="$1" oflag=append conv=notrunc,fsync 2>/dev/null; then
    echo "wrote $n"
    [ -z "$2" ] || sleep "$2"
  else
    echo "failed $n"
    exit 1
  fi
done
