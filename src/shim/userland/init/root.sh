# The target's root file system: found, mounted, and looked at before anything is handed to it.

# Where an init may lie: the usual one, then systemd's own places.
INITS="/sbin/init /usr/lib/systemd/systemd /lib/systemd/systemd /bin/init /etc/init"
# Links are followed by hand, inside the new root; more than this is a circle.
LINKS_MAX=16

root_mount() {
  say root start "looking for a root file system on $DEV/$DISK"
  root_problems=
  for PARTITION in $(partitions_for_root "$DISK"); do
    root_try && return 0
    umount "$ROOT" 2>/dev/null
  done
  say root fail "${root_problems:-$DEV/$DISK has neither a partition 2 nor a Linux partition}" \
    "choose another image, or write one with an arm64 Linux to this disk"
  return 1
}

root_try() {
  if ! root_mount_partition 2>"$STATE/mount.error"; then
    root_problem "$DEV/$PARTITION cannot be mounted ($(tail -n 1 "$STATE/mount.error"); this shim reads $(root_filesystems))"
    return 1
  fi
  INIT=$(root_find_init) || {
    root_problem "$DEV/$PARTITION has no init"
    return 1
  }
  if ! root_runs_here "$ROOT$(root_resolve "$INIT")"; then
    root_problem "$INIT on $DEV/$PARTITION is not for a 64-bit ARM"
    return 1
  fi
  root_set_writable
  say root ok "$DEV/$PARTITION is the root, its init is $INIT"
}

root_problem() {
  root_problems="$root_problems${root_problems:+; }$1"
}

# Read-only first, as a kernel mounts a root: the target's own fsck needs it so.
root_mount_partition() {
  root_type=$(value_get cmdline rootfstype)
  root_flags=$(value_get cmdline rootflags)
  mount ${root_type:+-t "$root_type"} -o "ro${root_flags:+,$root_flags}" "$DEV/$PARTITION" "$ROOT"
}

# A target with a line for / in its fstab checks and remounts its root itself; for one without, nobody else would.
# rw and ro on the kernel command line have the last word.
root_set_writable() {
  value_has cmdline ro && return
  value_has cmdline rw || ! root_is_in_fstab || return
  mount -o remount,rw "$ROOT" 2>/dev/null || : # squashfs cannot be written
}

root_is_in_fstab() {
  awk '$1 !~ /^#/ && $2 == "/" { found = 1 } END { exit !found }' "$ROOT/etc/fstab" 2>/dev/null
}

root_filesystems() {
  awk '$1 != "nodev" { printf "%s%s", comma, $1; comma = " " }' "$PROC/filesystems"
}

# The init of the target, by init= or the usual places; the name is the target's own, not resolved.
root_find_init() {
  root_wanted=$(value_get cmdline init)
  for root_init in ${root_wanted:-$INITS}; do
    root_file=$(root_resolve "$root_init") && [ -x "$ROOT$root_file" ] && [ -f "$ROOT$root_file" ] &&
      printf '%s' "$root_init" && return 0
  done
  return 1
}

# root_resolve PATH: where it leads inside the new root when its last part is a link (/sbin/init often is one).
root_resolve() {
  root_path_now=$1
  root_links=0
  while [ -L "$ROOT$root_path_now" ]; do
    root_links=$((root_links + 1))
    [ "$root_links" -le "$LINKS_MAX" ] || return 1
    root_link=$(readlink "$ROOT$root_path_now")
    case "$root_link" in
      /*) root_path_now=$root_link ;;
      *) root_path_now=${root_path_now%/*}/$root_link ;;
    esac
  done
  printf '%s' "$root_path_now"
}

# Whether a file is a 64-bit ARM program (ELF class 2, machine 183), or no ELF at all (a script: its shell will tell).
root_runs_here() {
  case "$(hexdump -v -n 20 -e '1/1 "%02x"' "$1")" in
    7f454c4602??????????????????????????b700*) ;;
    7f454c46*) return 1 ;;
  esac
}
