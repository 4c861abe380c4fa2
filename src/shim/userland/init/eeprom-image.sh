# An image of the EEPROM as it is read from the chip: where bootconf.txt lies in it (the same as eeprom-image.ts).

# Sections of a published image are some 20; whatever has more is no image.
EEPROM_SECTIONS_MAX=512
# The last page is the bootloader's own.
EEPROM_PAGE_BYTES=4096
EEPROM_FILE_HEADER_BYTES=24

# eeprom_hex FILE OFFSET BYTES: the bytes as hex digits.
eeprom_hex() {
  hexdump -s "$2" -n "$3" -ve '1/1 "%02x"' "$1"
}

# eeprom_look_through IMAGE: sets EEPROM_AT (where bootconf.txt's section begins), EEPROM_LENGTH (of its content),
# EEPROM_ROOM (bytes up to the next section that means something), EEPROM_LAST (1 when none follows) and EEPROM_SIGNED
# (1 when it has a key for secure boot). 1, with EEPROM_WHY, for what is no image or has no bootconf.txt.
eeprom_look_through() {
  EEPROM_AT='' EEPROM_LENGTH='' EEPROM_ROOM='' EEPROM_LAST=1 EEPROM_SIGNED=0
  eeprom_image_bytes=$(($(wc -c <"$1")))
  eeprom_next=0
  eeprom_count=0
  while [ $((eeprom_next + 8)) -le "$eeprom_image_bytes" ]; do
    eeprom_section=$eeprom_next
    eeprom_head=$(eeprom_hex "$1" "$eeprom_section" 8)
    eeprom_magic=${eeprom_head%????????}
    case "$eeprom_magic" in 00000000 | ffffffff) break ;; esac
    eeprom_count=$((eeprom_count + 1))
    eeprom_bytes=$((0x${eeprom_head#????????}))
    [ $((0x$eeprom_magic & 0xfffff00f)) = $((0x55aaf00f)) ] && [ "$eeprom_count" -le "$EEPROM_SECTIONS_MAX" ] &&
      [ $((eeprom_section + 8 + eeprom_bytes)) -le "$eeprom_image_bytes" ] || {
      EEPROM_WHY="no section of a bootloader begins at $eeprom_section"
      return 1
    }
    eeprom_next=$(((eeprom_section + 8 + eeprom_bytes + 7) / 8 * 8))
    if [ -n "$EEPROM_AT" ]; then
      EEPROM_LAST=0
      [ "$eeprom_magic" = 55aafeef ] || [ -n "$EEPROM_ROOM" ] || EEPROM_ROOM=$((eeprom_section - EEPROM_AT))
    fi
    [ "$eeprom_magic" = 55aaf11f ] || continue
    [ "$eeprom_bytes" -ge 16 ] || {
      EEPROM_WHY="the file at $eeprom_section has no name"
      return 1
    }
    case "$(dd if="$1" bs=1 skip=$((eeprom_section + 8)) count=12 2>/dev/null | tr -d '\000')" in
      bootconf.txt)
        [ -n "$EEPROM_AT" ] || {
          EEPROM_AT=$eeprom_section
          EEPROM_LENGTH=$((eeprom_bytes - 16))
        }
        ;;
      pubkey.bin) eeprom_is_empty "$1" $((eeprom_section + EEPROM_FILE_HEADER_BYTES)) $((eeprom_bytes - 16)) || EEPROM_SIGNED=1 ;;
    esac
  done
  [ -n "$EEPROM_AT" ] || {
    EEPROM_WHY="there is no bootconf.txt"
    return 1
  }
  : "${EEPROM_ROOM:=$((eeprom_image_bytes - EEPROM_PAGE_BYTES - EEPROM_AT))}"
  [ "$EEPROM_ROOM" -ge $((EEPROM_FILE_HEADER_BYTES + EEPROM_LENGTH)) ] || {
    EEPROM_WHY="bootconf.txt reaches into the next section"
    return 1
  }
}

# eeprom_is_empty FILE OFFSET BYTES: zeros or erased flash alone?
eeprom_is_empty() {
  [ -z "$(eeprom_cut "$1" "$2" "$3" | tr -d '\000\377' | head -c 1)" ]
}

# eeprom_cut FILE OFFSET BYTES
eeprom_cut() {
  tail -c +$(($2 + 1)) "$1" | head -c "$3"
}

# eeprom_bootconf IMAGE: its settings, after eeprom_look_through.
eeprom_bootconf() {
  eeprom_cut "$1" $((EEPROM_AT + EEPROM_FILE_HEADER_BYTES)) "$EEPROM_LENGTH"
}
