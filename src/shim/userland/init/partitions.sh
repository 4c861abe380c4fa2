# Which partitions of a disk can hold the root: read from the partition table itself, as sysfs does not tell the types.

MBR_LINUX=83
MBR_PROTECTIVE=ee
# "Linux filesystem" and "root (arm64)", their first three fields in little-endian order as on the disk.
GPT_LINUX_FILESYSTEM=af3dc60f838472478e793d69d8477de4
GPT_ROOT_ARM64=45b021b9f01dc341af444c6f280d3fae
GPT_ENTRY_BYTES=128
# Entries are looked at while they can be partitions that the kernel shows; 128 is what every tool writes.
GPT_ENTRIES=128

# partitions_for_root DISK: device names, best first: the one that the image itself names, partition 2 (as on a Raspberry
# Pi's card), then the other Linux partitions in order; without any partition the whole disk.
partitions_for_root() {
  partitions_all=$(partitions_numbers "$1")
  if [ -z "$partitions_all" ]; then
    printf '%s\n' "$1"
    return
  fi
  partition_named=$(root_by_name "$1")
  [ -z "$partition_named" ] || printf '%s\n' "$partition_named"
  partitions_seen=
  for partition_number in 2 $(partitions_linux "$1"); do
    case " $partitions_seen " in *" $partition_number "*) continue ;; esac
    partitions_seen="$partitions_seen $partition_number"
    partition_name "$1" "$partition_number" | grep -vx "${partition_named:--}"
  done
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
    partitions_linux_mbr "$1"
  fi
}

partitions_linux_mbr() {
  mbr_extended=
  for mbr_number in 1 2 3 4; do
    mbr_entry=$((446 + 16 * (mbr_number - 1)))
    case "$(partitions_bytes "$1" $((mbr_entry + 4)) 1)" in
      "$MBR_LINUX") printf '%s\n' "$mbr_number" ;;
      05 | 0f | 85) mbr_extended=$(partitions_number "$1" $((mbr_entry + 8))) ;;
    esac
  done
  [ -z "$mbr_extended" ] || partitions_linux_logical "$1" "$mbr_extended"
}

# partitions_linux_logical DISK START: logical partitions are a chain of tables, each with one partition and a link. Links
# that do not lead on would be a circle.
partitions_linux_logical() {
  logical_block=$(cat "$SYS/class/block/$1/queue/logical_block_size" 2>/dev/null)
  logical_number=5
  logical_next=0
  while :; do
    logical_table=$((($2 + logical_next) * ${logical_block:-512}))
    [ "$(partitions_bytes "$1" $((logical_table + 510)) 2)" = 55aa ] || return 0
    [ "$(partitions_bytes "$1" $((logical_table + 450)) 1)" != "$MBR_LINUX" ] || printf '%s\n' "$logical_number"
    case "$(partitions_bytes "$1" $((logical_table + 466)) 1)" in 05 | 0f | 85) ;; *) return 0 ;; esac
    logical_link=$(partitions_number "$1" $((logical_table + 470)))
    [ "$logical_link" -gt "$logical_next" ] || return 0
    logical_next=$logical_link
    logical_number=$((logical_number + 1))
  done
}

# partitions_number DISK OFFSET: 32 bits, the lowest byte first.
partitions_number() {
  printf '%d' "0x$(partitions_bytes "$1" "$2" 4 | sed 's/\(..\)\(..\)\(..\)\(..\)/\4\3\2\1/')"
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
