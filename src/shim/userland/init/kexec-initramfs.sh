# The initramfs of the next kernel: the image's own, if it has one, and behind it ours, which finds the disk again.
#
# Alone, ours lies at / and does what it did under this kernel in mode pivot. Beside the image's own it lies below
# $STAGED_BELOW, logs in, and then lets the image's /init go on, which finds its root on a disk that is there.

STAGE=/stage

# Sets STAGED_BELOW and the list $STATE/kexec/initramfs-files.
kexec_initramfs_choose() {
  config_initramfs "$kernel_file" >"$STATE/kexec/initramfs-files"
  case "$KERNEL_FROM" in *' of the root') initramfs_of_root >"$STATE/kexec/initramfs-files" ;; esac
  STAGED_BELOW=
  [ ! -s "$STATE/kexec/initramfs-files" ] || STAGED_BELOW=/pinetboot
}

initramfs_of_root() {
  for initramfs_name in "initrd.img-$KERNEL_RELEASE" "initramfs-$KERNEL_RELEASE.img" "initramfs-$KERNEL_RELEASE" initrd.img; do
    initramfs_file=$ROOT$(root_resolve "/boot/$initramfs_name")
    [ -f "$initramfs_file" ] && printf '%s\n' "$initramfs_file" && return
  done
}

# Makes $STATE/kexec/initramfs.
kexec_initramfs() {
  initramfs_top=$STAGE$STAGED_BELOW
  rm -rf "$STAGE"
  mkdir -p "$initramfs_top/lib"
  cp -a /init /bin /sbin "$initramfs_top"
  cp -a "$LIB" "$initramfs_top/lib"
  continued_give "$initramfs_top/continued"
  [ -z "$STAGED_BELOW" ] || {
    install_start "$initramfs_top"
    continued_hints "$initramfs_top/continued"
  }
  modules_take "$initramfs_top" || return 1
  # Archives follow each other, each from a boundary of 4 bytes on.
  : >"$STATE/kexec/initramfs"
  while IFS= read -r initramfs_file; do
    cat "$initramfs_file" >>"$STATE/kexec/initramfs" || {
      say kexec fail "${initramfs_file##*/} of the image cannot be read" "choose another image, or take mode pivot"
      return 1
    }
    initramfs_pad "$STATE/kexec/initramfs"
  done <"$STATE/kexec/initramfs-files"
  (cd "$STAGE" && find . | cpio -o -H newc 2>/dev/null) >>"$STATE/kexec/initramfs"
  rm -rf "$STAGE"
}

initramfs_pad() {
  initramfs_over=$(($(wc -c <"$1") % 4))
  [ "$initramfs_over" = 0 ] || head -c $((4 - initramfs_over)) /dev/zero >>"$1"
}

install_start() {
  cp "$LIB/kexec-start.sh" "$1/start"
  chmod 0755 "$1/start"
}
