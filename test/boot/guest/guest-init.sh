#!/bin/busybox sh
# What the kernel starts in a test's virtual machine (rdinit=/guest-init): a shell for the test on hvc0, beside the shim.

export PATH=/bin:/sbin
busybox mount -t devtmpfs devtmpfs /dev
busybox setsid busybox sh -i </dev/hvc0 >/dev/hvc0 2>&1 &
exec /init "$@"
