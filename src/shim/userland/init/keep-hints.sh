#!/bin/busybox sh
# The image's initramfs mounts a /run of its own and hands it to the root: what the root's network managers must know is
# put there as soon as it is mounted, long before they start. Runs in the tmpfs that outlives the initramfs.

PATH=/bin
# An initramfs that asks for a passphrase may take its time.
PATIENCE_SECONDS=3600

mounted_run() {
  grep -q ' /run ' /proc/1/mounts
}

waited=0
while [ "$waited" -lt "$PATIENCE_SECONDS" ]; do
  if mounted_run && [ ! -e /proc/1/root/run/systemd/network/00-pinetboot.link ]; then
    cp -a /hints/. /proc/1/root/run/
  fi
  # The initramfs is gone: what is in /run now stays.
  [ -d /proc/1/root/pinetboot ] || exit 0
  sleep 0.3
  waited=$((waited + 1))
done
