# What the image itself calls its root: root= of its own cmdline.txt on the boot partition, as its own kernel would read
# it. A name that leads nowhere (another disk's, a typing mistake) is passed over.

BOOT_FILESYSTEM=$STATE/boot-partition

# root_by_name DISK: the device name of the named partition, nothing without one.
root_by_name() {
  root_name=$(value_get cmdline root)
  [ -n "$root_name" ] || root_name=$(root_name_of_image "$1")
  [ -z "$root_name" ] || partition_by_name "$1" "$root_name"
}

# Prints root= of partition 1's cmdline.txt. What else is there tells what to do about an image without a root.
root_name_of_image() {
  mkdir -p "$BOOT_FILESYSTEM"
  mount -t vfat -o ro "$DEV/$(partition_name "$1" 1)" "$BOOT_FILESYSTEM" 2>/dev/null || return 0
  [ ! -f "$BOOT_FILESYSTEM/cmdline.txt" ] || awk -f "$LIB/cmdline.awk" "$BOOT_FILESYSTEM/cmdline.txt" | sed -n 's/^root=//p'
  if [ -e "$BOOT_FILESYSTEM/.alpine-release" ] || [ -d "$BOOT_FILESYSTEM/apks" ]; then : >"$STATE/is-alpine"; fi
  umount "$BOOT_FILESYSTEM"
}

# partition_by_name DISK NAME: the device name of the partition that root=NAME means on a card or a disk of its own.
partition_by_name() {
  case "$2" in
    PARTUUID=*) partition_with "$1" partition_is_uuid "${2#PARTUUID=}" ;;
    PARTLABEL=*) partition_with "$1" partition_is_label "${2#PARTLABEL=}" ;;
    UUID=*) partition_with "$1" filesystem_is_uuid "${2#UUID=}" ;;
    LABEL=*) partition_with "$1" filesystem_is_label "${2#LABEL=}" ;;
    /dev/disk/by-partuuid/*) partition_with "$1" partition_is_uuid "${2##*/}" ;;
    /dev/disk/by-partlabel/*) partition_with "$1" partition_is_label "${2##*/}" ;;
    /dev/disk/by-uuid/*) partition_with "$1" filesystem_is_uuid "${2##*/}" ;;
    /dev/disk/by-label/*) partition_with "$1" filesystem_is_label "${2##*/}" ;;
    /dev/mmcblk*p[0-9]* | /dev/nvme*p[0-9]*) partition_name "$1" "${2##*p}" ;;
    /dev/[sv]d[a-z][0-9]*) partition_name "$1" "${2#/dev/?d?}" ;;
  esac
}

# partition_with DISK TEST WORD: the first partition for which TEST PARTITION WORD is true.
partition_with() {
  for named_number in $(partitions_numbers "$1"); do
    named_partition=$(partition_name "$1" "$named_number")
    if "$2" "$named_partition" "$3"; then
      printf '%s\n' "$named_partition"
      return
    fi
  done
}

# The kernel tells both of every partition: GPT's GUID, or the disk's number and the partition's (1a2b3c4d-02).
partition_is_uuid() {
  [ "$(partition_uevent "$1" PARTUUID | tr A-F a-f)" = "$(printf '%s' "$2" | tr A-F a-f)" ]
}

partition_is_label() {
  [ "$(partition_uevent "$1" PARTNAME)" = "$2" ]
}

partition_uevent() {
  sed -n "s/^$2=//p" "$SYS"/class/block/*/"$1"/uevent 2>/dev/null
}

# ext2 to ext4: magic, UUID and label in the superblock at 1024. btrfs: at 64 KiB.
filesystem_is_uuid() {
  filesystem_wanted=$(printf '%s' "$2" | tr -d - | tr A-F a-f)
  case "$(filesystem_kind "$1")" in
    ext) [ "$(partitions_bytes "$1" 1128 16)" = "$filesystem_wanted" ] ;;
    btrfs) [ "$(partitions_bytes "$1" 65568 16)" = "$filesystem_wanted" ] ;;
    *) return 1 ;;
  esac
}

filesystem_is_label() {
  case "$(filesystem_kind "$1")" in
    ext) [ "$(hex_text "$(partitions_bytes "$1" 1144 16)")" = "$2" ] ;;
    btrfs) [ "$(hex_text "$(partitions_bytes "$1" 65835 256)")" = "$2" ] ;;
    *) return 1 ;;
  esac
}

filesystem_kind() {
  if [ "$(partitions_bytes "$1" 1080 2)" = 53ef ]; then
    printf 'ext'
  elif [ "$(partitions_bytes "$1" 65600 8)" = 5f42485266535f4d ]; then
    printf 'btrfs'
  fi
}
