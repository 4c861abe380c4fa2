# Mode kexec: the image's own kernel, device tree, overlays, command line and initramfs, as its boot partition names them,
# in place of this kernel. Linux hands over to it in memory (kexec); there is no second firmware.

BOOT=/bootfs

# A stage: returns only when it failed, or when the root is mounted in mode pivot because the user wants that rather.
kexec_mode() {
  mkdir -p "$STATE/kexec" "$BOOT"
  if kexec_prepare && kexec_load; then
    say kexec ok "starting Linux $KERNEL_RELEASE"
    report_finish "$REPORT_PATIENCE_SECONDS"
    kexec_leave
    kexec_let_go
    kexec-load start 2>"$STATE/kexec/error"
    kexec_take_back
    say kexec fail "Linux $KERNEL_RELEASE was not started: $(cat "$STATE/kexec/error")" "take mode pivot"
    report_start
  fi
  kexec_leave
  [ "$(parameter iscsi.fallback)" = pivot ] || return 1
  say kexec progress "going on in mode pivot, as iscsi.fallback=pivot in $(parameter_source iscsi.fallback) says"
  root_mount && handover "$@"
}

kexec_prepare() {
  say kexec start "looking for the image's own kernel"
  [ ! -e "$SYS/class/net/$INTERFACE/phy80211" ] || {
    say kexec fail "the next kernel would have to join the WiFi network again, which it cannot yet" \
      "connect a cable, or take mode pivot"
    return 1
  }
  root_mount || return 1
  ROOT_TYPE=$(awk -v at="$ROOT" '$2 == at { type = $3 } END { print type }' "$PROC/mounts")
  kexec_mount_boot || return 1
  config_read
  kexec_kernel || return 1
  kexec_initramfs_choose
  kexec_device_tree || return 1
  say kexec progress "chosen: $KERNEL_FROM (Linux $KERNEL_RELEASE), $TREE_FROM, initramfs: $(kexec_initramfs_words)"
  kexec_initramfs
}

# The first partition is the boot partition of every Raspberry Pi image; without one an empty folder stands for it.
kexec_mount_boot() {
  kexec_boot=$(partition_name "$DISK" 1)
  mount -t vfat -o ro "$DEV/$kexec_boot" "$BOOT" 2>/dev/null && return 0
  say kexec progress "$DEV/${kexec_boot:-$DISK} is no FAT boot partition: looking at the root alone"
}

kexec_initramfs_words() {
  if [ -s "$STATE/kexec/initramfs-files" ]; then
    sed 's|.*/||' "$STATE/kexec/initramfs-files" | tr '\n' ' ' | sed 's/ $/ and ours/'
  else
    printf ours
  fi
}

kexec_load() {
  kexec-load load "$STATE/kexec/kernel" "$STATE/kexec/initramfs" "$STATE/kexec/tree" 2>"$STATE/kexec/error" && return 0
  say kexec fail "Linux $KERNEL_RELEASE cannot be loaded: $(tail -n 1 "$STATE/kexec/error")" "take mode pivot"
  return 1
}

# What the disk's cache holds goes to its server while the network is there; then the network card stops: one that went
# on would write what comes in into the memory of the next kernel, until that one's driver resets it.
kexec_let_go() {
  printf 1 >"$SYS/class/block/$DISK/device/delete"
  ip link set "$INTERFACE" down
}

kexec_take_back() {
  ip link set "$INTERFACE" up
  DISK=
  login_scan
  login_wait_for_disk && disk_never_gives_up
}

# The disk must be as if it had never been mounted.
kexec_leave() {
  umount "$BOOT" 2>/dev/null
  umount "$ROOT" 2>/dev/null
  rm -rf "$STATE/kexec"
  mkdir -p "$STATE/kexec"
}
