# The module pack: this kernel's modules for the root, fetched into memory and laid over its /lib/modules. Nothing is
# written to the root. A root does without when the pack cannot be had: it boots all the same.

PACK_TIMEOUT_SECONDS=20
# Of a Pi's memory the pack may take one part in this many, for as long as the root runs.
PACK_MEMORY_PARTS=8

# Lays the pack over $ROOT/lib/modules. On the kernel command line pinetboot.modules=no leaves it out, and
# pinetboot.modules=HOST names the TFTP server that has it.
module_pack_lay() {
  [ "$(value_get cmdline pinetboot.modules)" != no ] || return 0
  read -r pack_release pack_name 2>/dev/null <"$LIB/module-pack" || return 0
  # After kexec another kernel runs with modules of its own.
  [ "$pack_release" = "$(uname -r)" ] || return 0
  pack_modules=$ROOT$(root_resolve /lib)/modules
  if [ ! -d "$pack_modules" ]; then
    module_pack_missing "the root has no /lib/modules" "sudo mkdir -p /lib/modules on it"
    return 0
  fi
  module_pack_fetch || return 0
  if module_pack_mount 2>"$STATE/pack.error"; then
    say handover progress "the modules of Linux $pack_release lie over /lib/modules, from $pack_from"
  else
    module_pack_missing "the module pack cannot be mounted: $(tail -n 1 "$STATE/pack.error")" "report this"
  fi
}

# module_pack_missing WHY FIX
module_pack_missing() {
  module_pack_unmount
  say handover progress "$1: the root has only what is built into this kernel" "$2"
}

# Sets pack_from. The pack lies in a tmpfs of its own, which outlives switch_root like the others in $KEEP.
module_pack_fetch() {
  pack_limit=$(awk -v parts="$PACK_MEMORY_PARTS" '$1 == "MemTotal:" { print int($2 / parts) }' "$PROC/meminfo")
  mkdir -p "$KEEP/modules"
  mount -t tmpfs -o mode=0700,noswap,size="${pack_limit}k" tmpfs "$KEEP/modules" || return 1
  pack_from=$(value_get cmdline pinetboot.modules)
  : >"$STATE/pack.error"
  if [ -z "$pack_from" ] && [ -n "$SERVER" ]; then
    pack_from=$SERVER
    wget -q -T "$PACK_TIMEOUT_SECONDS" -O "$KEEP/modules/pack" "http://$SERVER/v1/modules/$pack_name" \
      2>"$STATE/pack.error" && return 0
  else
    pack_from=${pack_from:-$(module_pack_tftp_server)}
    [ -n "$pack_from" ] && module_pack_tftp && return 0
  fi
  if grep -q 'No space left' "$STATE/pack.error" 2>/dev/null; then
    module_pack_missing "the module pack is too big for this Pi's memory ($pack_limit KB are allowed)" \
      "pinetboot.modules=no on the kernel command line leaves it out"
  elif grep -q ' 503 ' "$STATE/pack.error" 2>/dev/null; then
    module_pack_missing "the server is still building the module pack" "restart this Pi when it has been built"
  else
    module_pack_missing "no $pack_name${pack_from:+ from $pack_from} ($(module_pack_why))" \
      "the server needs the files of this very shim"
  fi
  return 1
}

module_pack_why() {
  if [ -s "$STATE/pack.error" ]; then tail -n 1 "$STATE/pack.error"; else printf 'DHCP named no TFTP server'; fi
}

# The next server of the lease, else its option 66.
module_pack_tftp_server() {
  pack_server=$(lease_get siaddr)
  [ "$pack_server" != 0.0.0.0 ] || pack_server=
  printf '%s' "${pack_server:-$(lease_get tftp)}"
}

# The folder of this Pi first, as its firmware does.
module_pack_tftp() {
  for pack_folder in "$(printf '%s' "$SERIAL" | tail -c 8)/" ""; do
    tftp -g -b 1428 -l "$KEEP/modules/pack" -r "$pack_folder$pack_name" "$pack_from" 2>"$STATE/pack.error" && return 0
  done
  return 1
}

# Where the root has a folder for this kernel, the pack goes into it. Else /lib/modules is covered by a folder in
# memory that shows what was there, each kernel's folder as it is and writable, and this kernel's beside them. It is
# read-only itself: a new kernel's folder written to memory would be gone at the next boot.
module_pack_mount() {
  if [ -d "$pack_modules/$pack_release" ]; then
    module_pack_mount_at "$pack_modules/$pack_release"
    return
  fi
  pack_cover=$KEEP/modules/cover
  mkdir -p "$pack_cover"
  mount -t tmpfs -o mode=0755,size=256k tmpfs "$pack_cover" || return 1
  for pack_entry in "$pack_modules"/*; do
    if [ -L "$pack_entry" ]; then
      cp -P "$pack_entry" "$pack_cover/" || return 1
    elif [ -d "$pack_entry" ]; then
      mkdir -p "$pack_cover/${pack_entry##*/}" || return 1
      mount --bind "$pack_entry" "$pack_cover/${pack_entry##*/}" || return 1
      # The root is read-only until its own fsck: this mount must not stay so when the root is made writable.
      mount -o remount,bind,rw "$pack_cover/${pack_entry##*/}" || return 1
    fi
  done
  mkdir -p "$pack_cover/$pack_release" || return 1
  module_pack_mount_at "$pack_cover/$pack_release" || return 1
  mount -o remount,ro "$pack_cover" || return 1
  mount --move "$pack_cover" "$pack_modules"
}

module_pack_mount_at() {
  mount -t squashfs -o ro,loop "$KEEP/modules/pack" "$1"
}

# Gives the memory back; what was not mounted says so, and nobody wants to hear it.
module_pack_unmount() {
  for pack_mount in "$KEEP"/modules/cover/* "$KEEP/modules/cover" "$KEEP/modules"; do
    umount "$pack_mount" 2>/dev/null || :
  done
}
