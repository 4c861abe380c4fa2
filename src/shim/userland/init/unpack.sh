# Compressed files, by their first bytes: kernels and modules come in all of these.

# unpack FILE: its content, unpacked, on standard output.
unpack() {
  case "$(unpack_first_bytes "$1" 0 12)" in
    1f8b*) gunzip -c <"$1" ;;
    fd377a585a00*) xzcat <"$1" ;;
    28b52ffd*) unzstd <"$1" ;;
    4d5a????7a696d67*) unpack_zboot "$1" ;;
    *) cat "$1" ;;
  esac
}

# unpack_first_bytes FILE OFFSET COUNT: in hex.
unpack_first_bytes() {
  hexdump -v -s "$2" -n "$3" -e '1/1 "%02x"' "$1"
}

# An EFI program that unpacks the kernel inside itself (Linux: drivers/firmware/efi/libstub/zboot-header.S): offset and
# size of the payload stand at 8 and 12, little-endian.
unpack_zboot() {
  zboot_offset=$(hexdump -v -s 8 -n 4 -e '1/4 "%u"' "$1")
  zboot_size=$(hexdump -v -s 12 -n 4 -e '1/4 "%u"' "$1")
  tail -c "+$((zboot_offset + 1))" "$1" | head -c "$zboot_size" >"$STATE/kexec/zboot"
  # A payload inside a payload would be no kernel.
  case "$(unpack_first_bytes "$STATE/kexec/zboot" 0 2)" in
    4d5a) return 1 ;;
  esac
  unpack "$STATE/kexec/zboot"
  rm -f "$STATE/kexec/zboot"
}
