# Which partitions of a disk can hold the root: read from the partition table itself, as sysfs does not tell the types.

MBR_LINUX=83
MBR_PROTECTIVE=ee
# "Linux filesystem" and "root (arm64)", their first three fields in little-endian order as on the disk.
GPT_LINUX_FILESYSTEM=af3dc60f838472478e793d69d8477de4
GPT_ROOT_ARM64=45b021b9f01dc341af444c6f280d3fae
GPT_ENTRY_BYTES=128
# Entries are looked at while they can be partitions that the kernel shows; 128 is what every tool writes.
GPT_ENTRIES=128

# partitions_for_root DISK: device names, best first: partition 2 (as on a Raspberry Pi's card), then the other Linux
# partitions in order; without any partition the whole disk.
partitions_for_root() {
  partitions_all=$(partitions_numbers "$1")
  if [ -z "$partitions_all" ]; then
    printf '%s\n' "$1"
    return
  fi
  for partition_number in 2 $(partitions_linux "$1"); do
    case " $partitions_seen " in *" $partition_number "*) continue ;; esac
    partitions_seen="$partitions_seen $partition_number"
    partition_name "$1" "$partition_number"
  done
  partitions_seen=
}

partitions_numbers() {
  cat "$SYS/class/block/$1/$1"*/partition 2>/dev/null | sort -n
}

partition_name() {
  for partition_path in "$SYS/class/block/$1/$1"*; do
    [ "$(cat "$partition_path/partition" 2>/dev/null)" = "$2" ] && printf '%s\n' "${partition_path##*/}"
  done
}

# Numbers of the partitions whose type is Linux.
partitions_linux() {
  if [ "$(partitions_bytes "$1" 450 1)" = "$MBR_PROTECTIVE" ]; then
    partitions_linux_gpt "$1"
  else
    for mbr_number in 1 2 3 4; do
      [ "$(partitions_bytes "$1" $((450 + 16 * (mbr_number - 1))) 1)" = "$MBR_LINUX" ] && printf '%s\n' "$mbr_number"
    done
  fi
}

# The entries lie in the blocks from LBA 2 on.
partitions_linux_gpt() {
  gpt_start=$((2 * $(cat "$SYS/class/block/$1/queue/logical_block_size")))
  partitions_bytes "$1" "$gpt_start" $((GPT_ENTRIES * GPT_ENTRY_BYTES)) | fold -w $((2 * GPT_ENTRY_BYTES)) |
    awk -v filesystem="$GPT_LINUX_FILESYSTEM" -v root="$GPT_ROOT_ARM64" \
      '{ type = substr($0, 1, 32); if (type == filesystem || type == root) print NR }'
}

# partitions_bytes DISK OFFSET COUNT: in hex.
partitions_bytes() {
  hexdump -v -s "$2" -n "$3" -e '1/1 "%02x"' "$DEV/$1"
}
