# The target's root file system: found, mounted, and looked at before anything is handed to it.

# Where an init may lie: the usual one, then systemd's own places.
INITS="/sbin/init /usr/lib/systemd/systemd /lib/systemd/systemd /bin/init /etc/init"
# Links are followed by hand, inside the new root; more than this is a circle.
LINKS_MAX=16
# Ways to read a damaged ext4: without its journal, then by the copies of its superblock (block 32768 of 4 KiB, 8193 of
# 1 KiB; sb= counts in KiB).
RESCUE_OPTIONS="noload noload,sb=131072 noload,sb=8193"

root_mount() {
  say root start "looking for a root file system on $DEV/$DISK"
  disk_watched root_look
}

root_look() {
  root_problems=
  root_unmountable=
  root_candidates=$(partitions_for_root "$DISK")
  # A damaged file system is read only when none is whole: it may be what an older system left behind.
  for root_rescue in "" $RESCUE_OPTIONS; do
    for PARTITION in $root_candidates; do
      root_try && return 0
      umount "$ROOT" 2>/dev/null
    done
    [ -n "$root_unmountable" ] || break
  done
  root_say_none
  return 1
}

root_say_none() {
  if [ -z "$root_candidates" ] && [ -f "$STATE/is-alpine" ]; then
    say root fail "$DEV/$DISK has no root partition: it is Alpine's diskless system, whose own kernel makes its root in memory" \
      "choose an image with a root partition, as Alpine calls its sys mode"
  else
    say root fail "${root_problems:-$DEV/$DISK has neither a partition 2 nor a Linux partition}" \
      "choose another image, or write one with an arm64 Linux to this disk"
  fi
}

root_try() {
  if ! root_mount_partition 2>"$STATE/mount.error"; then
    root_unmountable=1
    root_problem "$DEV/$PARTITION cannot be mounted ($(tail -n 1 "$STATE/mount.error"); this shim reads $(root_filesystems))"
    return 1
  fi
  INIT=$(root_find_init) || {
    root_problem "$DEV/$PARTITION has no init"
    return 1
  }
  root_machine=$(root_machine_of "$ROOT$(root_resolve "$INIT")")
  if [ -n "$root_machine" ]; then
    root_problem "$INIT on $DEV/$PARTITION is for $root_machine, not for an ARM"
    return 1
  fi
  root_set_writable
  root_say_found
}

# With a word about a root that cannot be written, before its system stumbles over that.
root_say_found() {
  root_words="$DEV/$PARTITION is the root, its init is $INIT"
  if [ "$(blockdev --getro "$DEV/$DISK" 2>/dev/null)" = 1 ]; then
    say root ok "$root_words, read-only: the target protects this disk against writing" \
      "allow writing at the target if the system needs it"
  elif [ -n "$root_rescue" ]; then
    say root ok "$root_words, read-only: its file system is damaged" \
      "save what you need, then repair it with fsck on the server or reset this disk"
  else
    say root ok "$root_words"
  fi
}

# What failed at the first look is what counts; the rescue finds the same again.
root_problem() {
  [ -n "$root_rescue" ] || root_problems="$root_problems${root_problems:+; }$1"
}

# Read-only first, as a kernel mounts a root: the target's own fsck needs it so.
root_mount_partition() {
  root_type=$(value_get cmdline rootfstype)
  root_flags=$(value_get cmdline rootflags)
  [ -z "$root_rescue" ] || root_type=ext4
  mount ${root_type:+-t "$root_type"} -o "ro${root_flags:+,$root_flags}${root_rescue:+,$root_rescue}" "$DEV/$PARTITION" "$ROOT"
}

# A target with a line for / in its fstab checks and remounts its root itself; for one without, nobody else would.
# rw and ro on the kernel command line have the last word.
root_set_writable() {
  [ -z "$root_rescue" ] || return 0
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

# root_machine_of PROGRAM: what it is for, when that is neither a 64-bit ARM (ELF class 2, machine 183) nor a 32-bit one
# (class 1, machine 40: this kernel runs those too). What is no ELF at all is a script: its shell will tell.
root_machine_of() {
  case "$(hexdump -v -n 20 -e '1/1 "%02x"' "$1")" in
    7f454c4602??????????????????????????b700*) ;;
    7f454c4601??????????????????????????2800*) ;;
    7f454c46????????????????????????????3e00*) printf 'a PC (x86-64)' ;;
    7f454c46????????????????????????????0300*) printf 'a PC (x86)' ;;
    7f454c46????????????????????????????f300*) printf 'RISC-V' ;;
    7f454c46*) printf 'another processor' ;;
  esac
}
