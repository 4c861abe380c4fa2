# What the next kernel is started with: the kernel itself, its device tree, its command line.

# Words of the running command line that the firmware put there for this very board.
FIRMWARE_WORDS='^(smsc95xx\.macaddr|vc_mem\.|bcm2708_fb\.|bcm2708\.|bcm2709\.|dma\.dmachans)'
# Processors of Pi 3 and 4 (Cortex-A53, Cortex-A72), which know pages of 4 and 64 KiB only.
CPUS_WITHOUT_16K='0xd03|0xd08'

# Sets KERNEL_FROM, in words, and KERNEL_RELEASE; the unpacked kernel is $STATE/kexec/kernel.
kexec_kernel() {
  kernel_problem=
  if kernel_file=$(config_kernel); then
    kernel_take "$kernel_file" "${kernel_file#"$BOOT/"} of the boot partition" && return 0
  elif value_has config kernel; then
    kernel_problem="config.txt names the kernel $(value_get config kernel), which is not on the boot partition"
  elif [ "$(value_get config arm_64bit)" = 0 ]; then
    kernel_problem="config.txt asks for a 32-bit kernel (arm_64bit=0)"
  else
    kernel_problem="the boot partition has no $(config_kernel_names | sed 's/ / and no /g')"
  fi
  for kernel_file in $(kernel_files_of_root); do
    kernel_take "$kernel_file" "${kernel_file#"$ROOT"} of the root" || continue
    say kexec progress "$kernel_problem: taking $KERNEL_FROM instead"
    return 0
  done
  say kexec fail "$kernel_problem" "choose an image with a 64-bit kernel, or take mode pivot"
  return 1
}

# Where distributions put kernels that no boot partition has, the newest first.
kernel_files_of_root() {
  for kernel_name in /boot/vmlinuz /vmlinuz /boot/Image; do
    kernel_target=$(root_resolve "$kernel_name")
    [ -f "$ROOT$kernel_target" ] && printf '%s\n' "$ROOT$kernel_target"
  done
  ls -d "$ROOT"/boot/vmlinuz-* "$ROOT"/boot/Image-* 2>/dev/null | sort -V -r
}

# kernel_take FILE WORDS: unpacks it and looks whether this board can start it.
kernel_take() {
  if ! unpack "$1" >"$STATE/kexec/kernel" 2>/dev/null; then
    kernel_problem="$2 cannot be unpacked"
  elif ! kexec-load release "$STATE/kexec/kernel" >"$STATE/kexec/release" 2>"$STATE/kexec/error"; then
    kernel_problem="$2$(sed "s|^$STATE/kexec/kernel||" "$STATE/kexec/error")"
  else
    read -r KERNEL_RELEASE kernel_page_kib <"$STATE/kexec/release"
    if [ "$kernel_page_kib" = 16 ] && grep -q -E "^CPU part.*($CPUS_WITHOUT_16K)" "$PROC/cpuinfo"; then
      kernel_problem="$2 has pages of 16 KiB, which this board's processor does not know"
      return 1
    fi
    KERNEL_FROM="$2"
    return 0
  fi
  return 1
}

# Makes $STATE/kexec/tree: the image's own tree for this board with what the firmware wrote into the running one, the
# image's overlays and parameters on top; without one of its own the running tree, which the image's overlays may not fit.
kexec_device_tree() {
  {
    if [ -n "$(board_row)" ] && kexec_tree_file=$(config_tree); then
      printf 'base %s\nfirmware %s\n' "$kexec_tree_file" "$SYS/firmware/fdt"
      TREE_FROM="${kexec_tree_file#"$BOOT/"}"
    else
      printf 'running %s\n' "$SYS/firmware/fdt"
      TREE_FROM="the running device tree"
    fi
    kexec_overlays=$(config_overlays)
    [ ! -f "${kexec_overlays}overlay_map.dtb" ] || printf 'map %s\n' "${kexec_overlays}overlay_map.dtb"
    printf 'overlays %s\n' "$kexec_overlays"
    kexec_upstream_overlay
    cat "$STATE/kexec/steps"
    [ "$(value_get config enable_uart)" != 1 ] || printf 'uart\n'
    printf 'bootargs %s\n' "$(kexec_cmdline)"
  } >"$STATE/kexec/recipe"
  if ! kexec-tree make "$STATE/kexec/tree" <"$STATE/kexec/recipe" 2>"$STATE/kexec/error"; then
    say kexec fail "no device tree for the image's kernel: $(tail -n 1 "$STATE/kexec/error")" \
      "choose another image, or take mode pivot"
    return 1
  fi
  while IFS= read -r kexec_line; do
    say kexec progress "device tree: $kexec_line" "going on without, as the firmware does"
  done <"$STATE/kexec/error"
}

# Raspberry Pi's own tree under a mainline kernel wants some names changed.
kexec_upstream_overlay() {
  [ "$(value_get config upstream_kernel)" = 1 ] || return 0
  case " $(config_tree_names 5) " in *" ${TREE_FROM##*/} "*) return 0 ;; esac
  [ "$TREE_FROM" = "the running device tree" ] || printf 'overlay upstream\noverlay \n'
}

# The image's own words; only what cannot hold here is changed.
kexec_cmdline() {
  kexec_words=$(config_cmdline) || kexec_words=$(kexec_cmdline_without_file)
  kexec_root=$(kexec_root_words)
  kexec_words=$(printf ' %s ' "$kexec_words" | sed \
    -e 's/ rdinit=[^ ]*//g' \
    -e "s# root=/dev/[^ ]*# $kexec_root#")
  case "$kexec_words" in *' root='*) ;; *) kexec_words="$kexec_words $kexec_root rootwait" ;; esac
  [ -z "$STAGED_BELOW" ] || kexec_words="$kexec_words rdinit=$STAGED_BELOW/start"
  printf '%s %s' "$(kexec_firmware_words)" "$kexec_words" | tr -s ' ' | sed -e 's/^ //' -e 's/ $//'
}

kexec_firmware_words() {
  tr ' ' '\n' <"$PROC/cmdline" | grep -E "$FIRMWARE_WORDS" | tr '\n' ' '
}

# Names of SD cards and USB disks mean nothing here.
kexec_root_words() {
  kexec_partuuid=$(sed -n 's/^PARTUUID=//p' "$SYS/class/block/$PARTITION/uevent")
  if [ -n "$kexec_partuuid" ]; then printf 'root=PARTUUID=%s' "$kexec_partuuid"; else printf 'root=/dev/%s' "$PARTITION"; fi
}

# An image without a cmdline.txt was made for another boot loader: the consoles are those of this kernel.
kexec_cmdline_without_file() {
  tr ' ' '\n' <"$PROC/cmdline" | grep '^console=' | tr '\n' ' '
}
