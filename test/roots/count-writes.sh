#!/bin/sh
# Appends 1, 2, 3 ... to a file, each on the disk before its number is said. Any error ends it with "failed N".
n=0
while :; do
  n=$((n + 1))
  if echo "$n" | dd of="$1" oflag=append conv=notrunc,fsync 2>/dev/null; then
    echo "wrote $n"
  else
    echo "failed $n"
    exit 1
  fi
done
