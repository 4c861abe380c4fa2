# The modules that the image's own kernel needs to find its disk again, out of the image's own root.

# Without these no disk and no root: each must be there or built in. The root's file system is added.
MODULES_NEEDED="iscsi_tcp sd_mod"
# Taken where they are there: checksums that are asked for by name only, DHCP's sockets, and drivers of network chips that
# hang on a bus which cannot be looked at from here.
MODULES_MAYBE="crc32c crc32c_generic crc32c_cryptoapi crct10dif crct10dif_common crct10dif_generic crc_t10dif af_packet
  rp1 smsc microchip broadcom bcm7xxx bcm_phy_lib mdio_bcm_unimac genet macb phy_generic usbnet smsc95xx lan78xx
  nls_cp437 nls_ascii"

# modules_take STAGE: puts the modules for $KERNEL_RELEASE into the staged initramfs, and their order into its "continued".
modules_take() {
  modules_folder=$ROOT$(root_resolve /lib)/modules/$KERNEL_RELEASE
  [ -f "$modules_folder/modules.dep" ] || {
    modules_say_none
    return 1
  }
  modules_wanted >"$STATE/kexec/wanted"
  (cd "$modules_folder" && modules_list) >"$STATE/kexec/modules"
  modules_missing=$(sed -n 's/^missing //p' "$STATE/kexec/modules" | tr '\n' ' ')
  if [ -n "$modules_missing" ]; then
    say kexec fail "Linux $KERNEL_RELEASE of the image lacks ${modules_missing% }, so it could not find its disk" \
      "install that kernel's extra modules in the image, or take mode pivot"
    return 1
  fi
  mkdir -p "$1/continued/modules"
  while read -r modules_path; do
    modules_name=${modules_path##*/}
    modules_name=${modules_name%%.ko*}
    unpack "$modules_folder/$modules_path" >"$1/continued/modules/$modules_name.ko" || {
      say kexec fail "$modules_path of the image cannot be unpacked" "choose another image, or take mode pivot"
      return 1
    }
    printf '%s\n' "$modules_name" >>"$1/continued/modules.order"
  done <"$STATE/kexec/modules"
}

modules_list() {
  # A kernel with nothing built in or without aliases has no such file.
  for modules_file in modules.builtin modules.dep modules.alias; do
    [ -f "$modules_file" ] && set -- "$@" "$modules_file"
  done
  awk -f "$LIB/kexec-modules.awk" "$STATE/kexec/wanted" "$@"
}

modules_say_none() {
  modules_others=$(ls "${modules_folder%/*}" 2>/dev/null | tr '\n' ' ')
  if [ -d "$modules_folder" ]; then
    say kexec fail "the image's modules for Linux $KERNEL_RELEASE have no list (modules.dep)" "run depmod in the image"
  else
    say kexec fail "the image has no modules for its kernel $KERNEL_RELEASE${modules_others:+ (only for ${modules_others% })}" \
      "its boot partition and its root do not belong together: update the image, or take mode pivot"
  fi
}

modules_wanted() {
  for modules_name in $MODULES_NEEDED "$ROOT_TYPE"; do printf 'need %s\n' "$modules_name"; done
  for modules_name in $MODULES_MAYBE; do printf 'maybe %s\n' "$modules_name"; done
  kexec-tree list "$STATE/kexec/tree" | sort -u | sed 's/^/compatible /'
  find "$SYS/devices" -name modalias -exec cat {} + 2>/dev/null | sort -u | sed -n '/./s/^/alias /p'
}
