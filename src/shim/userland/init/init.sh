#!/bin/busybox sh
# PID 1 of the boot shim: network, parameters, login, and by the mode root and handover, kexec, or usb. Each stage is a function in a file of its own;
# this loop only decides where to go on: after a failure from the network on, which costs nothing when it is up, and
# asks anew which disk is wanted. It never ends but by switch_root.

PATH=/bin:/sbin
PROC=/proc
SYS=/sys
DEV=/dev
RUN=/run
STATE=/state   # what only the shim needs, secrets included: gone after switch_root
KEEP=/keep     # tmpfs that outlives switch_root: the DHCP client and iscsid live in it
ROOT=/newroot
RESOLV_CONF=/etc/resolv.conf # the name servers of the lease
LIB=/lib/shim
export PATH LC_ALL=C

. "$LIB"/screen.sh
. "$LIB"/say.sh
. "$LIB"/report.sh
. "$LIB"/console.sh
. "$LIB"/machine.sh
. "$LIB"/values.sh
. "$LIB"/percent.sh
. "$LIB"/cmdline.sh
. "$LIB"/keep.sh
. "$LIB"/duplicate.sh
. "$LIB"/wifi-config.sh
. "$LIB"/wifi.sh
. "$LIB"/modules-load.sh
. "$LIB"/network.sh
. "$LIB"/root-path.sh
. "$LIB"/clock.sh
. "$LIB"/endpoint-problem.sh
. "$LIB"/orders.sh
. "$LIB"/find-server.sh
. "$LIB"/parameters.sh
. "$LIB"/disk-watch.sh
. "$LIB"/login.sh
. "$LIB"/mode.sh
. "$LIB"/cpus.sh
. "$LIB"/continued.sh
. "$LIB"/partitions.sh
. "$LIB"/root-name.sh
. "$LIB"/root.sh
. "$LIB"/module-pack.sh
. "$LIB"/target-hints.sh
. "$LIB"/resolv-conf.sh
. "$LIB"/eeprom-image.sh
. "$LIB"/eeprom-spi.sh
. "$LIB"/eeprom.sh
. "$LIB"/handover.sh
. "$LIB"/gadget.sh
. "$LIB"/help-steps.sh
. "$LIB"/help-disk.sh
. "$LIB"/usb.sh
. "$LIB"/handover-initramfs.sh
. "$LIB"/boards.sh
. "$LIB"/config-txt.sh
. "$LIB"/unpack.sh
. "$LIB"/kexec-modules.sh
. "$LIB"/kexec-prepare.sh
. "$LIB"/kexec-initramfs.sh
. "$LIB"/kexec.sh

# Seconds between a failure and the next try: long enough to read the words, short enough not to keep anybody waiting.
RETRY_SECONDS=10

mount_kernel_filesystems() {
  mkdir -p "$PROC" "$SYS" "$DEV" "$RUN" "$STATE" "$KEEP" "$ROOT"
  mount -t proc -o nosuid,nodev,noexec proc "$PROC"
  mount -t sysfs -o nosuid,nodev,noexec sysfs "$SYS"
  mount -t devtmpfs -o nosuid,mode=0755 devtmpfs "$DEV" 2>/dev/null || : # the kernel may have done it
  mount -t tmpfs -o nosuid,nodev,mode=0755 tmpfs "$RUN"
  chmod 0700 "$STATE"
}

mount_kernel_filesystems
say_open_consoles
machine_identify
cmdline_read
server_from_cmdline
continued_take
keep_prepare
modules_load /etc/modules-load.d
say kernel ok "Linux $(uname -r) on $MODEL"
eeprom_update

stage=network
while :; do
  [ "$stage" != mode ] || stage=$(mode_stage)
  case "$stage" in
    network) run=network_up good=parameters bad=network ;;
    parameters) run=parameters_get good=login bad=network ;;
    login) run=login_target good=mode bad=network ;;
    kexec) run=kexec_mode good=network bad=network ;;
    usb) run=usb_mode good=network bad=network ;;
    initramfs) run=handover_to_initramfs good=network bad=network ;;
    root) run=root_mount good=handover bad=network ;;
    handover) run=handover good=handover bad=network ;;
  esac
  if "$run" "$@"; then
    help_after_success "$stage"
    stage=$good
  else
    help_after_failure "$stage"
    retry_after_failure "$RETRY_SECONDS"
    stage=$bad
  fi
done
