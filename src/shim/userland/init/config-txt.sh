# config.txt of the image's boot partition, which is mounted at $BOOT, and the files that it names.

# Fills the source "config" of values, and $STATE/kexec/steps with what changes the device tree.
config_read() {
  values_clear config
  : >"$STATE/kexec/steps"
  [ -f "$BOOT/config.txt" ] || return 0
  awk -f "$LIB/config-txt.awk" -v dir="$BOOT" -v models="$(board_field 3)" -v type="$(board_field 1)" \
    -v serial="$SERIAL" config.txt >"$STATE/kexec/config"
  while IFS= read -r config_line; do
    config_rest=${config_line#* }
    case "$config_line" in
      'set '*) value_put config "${config_rest%% *}" "$(config_value "$config_rest")" ;;
      'unread '*) say kexec progress "config.txt's [$config_rest] can be answered by the firmware alone: taken as not fulfilled" ;;
      *) printf '%s\n' "$config_line" >>"$STATE/kexec/steps" ;;
    esac
  done <"$STATE/kexec/config"
  config_prefix
}

# "KEY VALUE", the value may be empty.
config_value() {
  case "$1" in *' '*) printf '%s' "${1#* }" ;; esac
}

# os_prefix counts only when there are a kernel and a tree for this board behind it, as with the firmware.
config_prefix() {
  OS_PREFIX=$(value_get config os_prefix)
  [ -n "$OS_PREFIX" ] || [ "$(value_get config upstream_kernel)" != 1 ] || OS_PREFIX=upstream/
  [ -z "$OS_PREFIX" ] || { config_kernel >/dev/null && config_tree >/dev/null; } || OS_PREFIX=
}

# config_path NAME: a file of the boot partition; a name that begins with / has no prefix.
config_path() {
  case "$1" in
    /*) printf '%s%s' "$BOOT" "$1" ;;
    *) printf '%s/%s%s' "$BOOT" "$OS_PREFIX" "$1" ;;
  esac
}

# The kernel's path: as kernel= names it, or the firmware's names for 64-bit kernels.
config_kernel() {
  for config_name in $(config_kernel_names); do
    config_found=$(config_path "$config_name")
    [ -f "$config_found" ] && printf '%s' "$config_found" && return
  done
  return 1
}

config_kernel_names() {
  if value_has config kernel; then
    value_get config kernel
  elif [ "$(value_get config arm_64bit)" = 0 ]; then
    printf 'kernel7l.img kernel7.img'
  elif [ "$(board_field 2)" = bcm2712 ]; then
    printf 'kernel_2712.img kernel8.img'
  else
    printf 'kernel8.img'
  fi
}

# The device tree's path: as device_tree= names it, or by the board's names; mainline's first for a mainline kernel.
config_tree() {
  if value_has config device_tree; then
    set -- "$(value_get config device_tree)"
  elif [ "$(value_get config upstream_kernel)" = 1 ]; then
    set -- $(config_tree_names 5) $(config_tree_names 4)
  else
    set -- $(config_tree_names 4) $(config_tree_names 5)
  fi
  for config_name; do
    config_found=$(config_path "$config_name")
    [ -f "$config_found" ] && printf '%s' "$config_found" && return
  done
  return 1
}

config_tree_names() {
  for config_name in $(board_field "$1"); do printf '%s.dtb ' "$config_name"; done
}

# config_initramfs KERNEL: paths of the initramfs files that the image's own rules name and that are there.
config_initramfs() {
  if value_has config ramfsfile; then
    config_names=$(value_get config ramfsfile | tr ',' ' ')
  elif [ "$(value_get config auto_initramfs)" = 1 ]; then
    # kernel8.img -> initramfs8, kernel_2712.img -> initramfs_2712
    config_names=$(printf '%s' "${1##*/}" | sed -n 's/^kernel\(.*\)\.[^.]*$/initramfs\1/p')
  else
    config_names=
  fi
  for config_name in $config_names; do
    config_found=$(config_path "$config_name")
    if [ -f "$config_found" ]; then
      printf '%s\n' "$config_found"
    elif value_has config ramfsfile; then
      say kexec progress "config.txt names the initramfs $config_name, which is not on the boot partition: going on without" >&2
    fi
  done
}

# Where overlays lie: those behind os_prefix only with a README beside them, as with the firmware.
config_overlays() {
  config_overlay_prefix=$(value_get config overlay_prefix)
  config_overlay_prefix=${config_overlay_prefix:-overlays/}
  if [ -n "$OS_PREFIX" ] && [ -f "$BOOT/$OS_PREFIX${config_overlay_prefix}README" ]; then
    printf '%s/%s%s' "$BOOT" "$OS_PREFIX" "$config_overlay_prefix"
  else
    printf '%s/%s' "$BOOT" "$config_overlay_prefix"
  fi
}

# The command line: one line, whatever the editor made of it.
config_cmdline() {
  config_name=$(value_get config cmdline)
  config_found=$(config_path "${config_name:-cmdline.txt}")
  # The firmware takes the file without the prefix when there is none behind it.
  [ -f "$config_found" ] || config_found=$BOOT/${config_name:-cmdline.txt}
  [ -f "$config_found" ] && tr -s '\r\n\000' '   ' <"$config_found"
}
