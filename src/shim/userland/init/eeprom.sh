# The bootloader's EEPROM of a Pi 4 or 5: a card that was written with --eeprom gives it the boot order that the card
# names, once: with Raspberry Pi's own programs where the card has them, else by flashrom (eeprom-spi.sh). The ROM starts
# recovery.bin, which writes pieeprom.upd, renames itself and restarts; then this looks at what is there. It has never
# been run on a real board.

# What the bootloader's sector holds beside a file's header (FILE_MAX_BYTES of eeprom-image.ts).
EEPROM_FILE_MAX_BYTES=4076
EEPROM_CARD_PATIENCE_SECONDS=10
# Time to read the words on the screen.
EEPROM_RESTART_SECONDS=5

eeprom_update() {
  EEPROM_WANTED=$(value_get cmdline pinetboot.eeprom)
  [ -n "$EEPROM_WANTED" ] || return 0
  eeprom_chip || { say kernel progress "this board has no bootloader EEPROM: nothing to set" && return 0; }
  eeprom_mount || {
    say kernel progress "the card with the new bootloader cannot be read: the EEPROM stays as it is" \
      "leave the card in, or write it anew"
    return 0
  }
  eeprom_config >"$STATE/eeprom.conf"
  EEPROM_ORDER=$(eeprom_setting BOOT_ORDER <"$STATE/eeprom.conf")
  if [ -f "$RUN/card/eeprom/tried" ]; then
    eeprom_look_back
  elif eeprom_tries_network "$EEPROM_ORDER"; then
    say kernel progress "the EEPROM tries the network already (BOOT_ORDER=$EEPROM_ORDER): it stays as it is"
  elif eeprom_has_official || [ ! -f "$RUN/card/eeprom/spi.cpio.xz" ]; then
    if eeprom_offer; then
      say kernel progress "the EEPROM gets BOOT_ORDER=$EEPROM_WANTED (was ${EEPROM_ORDER:-the default}): restarting for Raspberry Pi's recovery.bin (never tried on a real board)" \
        "leave the power on until this Pi comes back"
      eeprom_restart
    fi
  elif eeprom_spi; then
    eeprom_spi_forget
    eeprom_restart
  fi
  eeprom_spi_forget
  eeprom_unmount
}

eeprom_restart() {
  eeprom_unmount
  sleep "$EEPROM_RESTART_SECONDS"
  reboot -f
}

# Sets EEPROM_CHIP; 1 for a board that has no such EEPROM.
eeprom_chip() {
  case "$(tr '\000' ' ' <"$PROC/device-tree/compatible" 2>/dev/null)" in
    *brcm,bcm2711*) EEPROM_CHIP=2711 ;;
    *brcm,bcm2712*) EEPROM_CHIP=2712 ;;
    *) return 1 ;;
  esac
}

eeprom_mount() {
  mkdir -p "$RUN/card"
  eeprom_waited=0
  until mount -t vfat -o noatime "$DEV/mmcblk0p1" "$RUN/card" 2>/dev/null; do
    [ "$eeprom_waited" -lt "$EEPROM_CARD_PATIENCE_SECONDS" ] || return 1
    eeprom_waited=$((eeprom_waited + 1))
    sleep 1
  done
}

eeprom_unmount() {
  sync
  umount "$RUN/card" 2>/dev/null || :
}

# The settings that the bootloader started with, as the firmware leaves them in memory; nothing when it does not.
eeprom_config() {
  for eeprom_node in "$SYS"/bus/nvmem/devices/*; do
    for eeprom_of in "$eeprom_node/of_node" "$eeprom_node/device/of_node"; do
      grep -q 'raspberrypi,bootloader-config' "$eeprom_of/compatible" 2>/dev/null || continue
      tr -d '\000\377' <"$eeprom_node/nvmem"
      return 0
    done
  done
  return 0
}

# eeprom_setting KEY: its value in the settings on stdin.
eeprom_setting() {
  awk -v ask=1 -v key="$1" -f "$LIB"/bootconf.awk
}

# eeprom_tries_network ORDER: read from the right, is 2 there before e (stop) or f (again)?
eeprom_tries_network() {
  case "$1" in 0x* | 0X*) eeprom_left=${1#0?} ;; *) return 1 ;; esac
  while [ -n "$eeprom_left" ]; do
    case "$eeprom_left" in
      *2) return 0 ;;
      *[eEfF]) return 1 ;;
    esac
    eeprom_left=${eeprom_left%?}
  done
  return 1
}

# When the bootloader was last written, in Unix seconds, as it says itself; nothing when it does not.
eeprom_written_at() {
  [ -f "$PROC/device-tree/chosen/bootloader/update-timestamp" ] || return 0
  printf '%d' "0x$(hexdump -ve '1/1 "%02x"' "$PROC/device-tree/chosen/bootloader/update-timestamp")"
}

# After the restart: says what is in the EEPROM now, and takes the update off the card.
eeprom_look_back() {
  eeprom_card=$RUN/card
  if [ -n "$EEPROM_ORDER" ] && eeprom_tries_network "$EEPROM_ORDER"; then
    say kernel progress "the EEPROM now has BOOT_ORDER=$EEPROM_ORDER, read back: without a card this Pi starts over the network"
  elif [ -z "$EEPROM_ORDER" ] && [ "$(eeprom_written_at)" = "$(cat "$eeprom_card/eeprom/tried")" ]; then
    say kernel progress "the EEPROM was updated; its settings cannot be read back here" \
      "take the card out and see whether this Pi starts over the network"
  elif [ -z "$EEPROM_ORDER" ] && [ "$(cat "$eeprom_card/eeprom/tried")" = spi ]; then
    say kernel progress "the EEPROM was to be written by flashrom at the start before; its settings cannot be read back here" \
      "take the card out and see whether this Pi starts over the network"
  else
    say kernel progress "the EEPROM was to get BOOT_ORDER=$EEPROM_WANTED and has ${EEPROM_ORDER:-no such setting}: the update did not happen" \
      "it is not tried again; write the card anew, or use Raspberry Pi's own rpi-eeprom-config"
  fi
  rm -f "$eeprom_card/recovery.bin" "$eeprom_card/RECOVERY.000" "$eeprom_card/pieeprom.upd" "$eeprom_card/pieeprom.sig"
}

# Has the card Raspberry Pi's own programs for this board?
eeprom_has_official() {
  [ -f "$RUN/card/eeprom/$EEPROM_CHIP/recovery.bin" ] && [ -f "$RUN/card/eeprom/$EEPROM_CHIP/pieeprom.bin" ]
}

# Puts the update where the ROM looks for it. recovery.bin, with which it begins, comes last; what is cut short before
# has changed nothing.
eeprom_offer() {
  eeprom_from=$RUN/card/eeprom/$EEPROM_CHIP
  eeprom_has_official || {
    say kernel progress "the card has no bootloader for this board (eeprom/$EEPROM_CHIP): the EEPROM stays as it is" \
      "write the card anew with Raspberry Pi's files for it in pinetboot's firmware folder"
    return 1
  }
  cp "$eeprom_from/pieeprom.bin" "$STATE/pieeprom.upd" &&
    eeprom_keep_settings "$STATE/pieeprom.upd" "$(cat "$eeprom_from/slot")" &&
    eeprom_sign "$STATE/pieeprom.upd" "$(cat "$RUN/card/eeprom/time")" >"$STATE/pieeprom.sig" &&
    cp "$STATE/pieeprom.upd" "$STATE/pieeprom.sig" "$RUN/card/" &&
    cp "$eeprom_from/recovery.bin" "$RUN/card/recovery.new" && sync &&
    mv "$RUN/card/recovery.new" "$RUN/card/recovery.bin" &&
    cp "$RUN/card/eeprom/time" "$RUN/card/eeprom/tried" && return 0
  rm -f "$RUN/card/recovery.bin" "$RUN/card/recovery.new"
  say kernel progress "the update of the EEPROM could not be prepared on the card: it stays as it is" \
    "is the card full or write-protected? write it anew"
  return 1
}

eeprom_sign() {
  printf '%s\nts: %s\n' "$(sha256sum "$1" | cut -d' ' -f1)" "$2"
}

# eeprom_keep_settings IMAGE "OFFSET SIZE LAST": the image gets this Pi's own settings with the wanted order. Without
# them it keeps Raspberry Pi's defaults, in which the card's writer has put the order.
eeprom_keep_settings() {
  [ -s "$STATE/eeprom.conf" ] || return 0
  awk -v key=BOOT_ORDER -v value="$EEPROM_WANTED" -f "$LIB"/bootconf.awk <"$STATE/eeprom.conf" >"$STATE/bootconf.txt"
  # shellcheck disable=SC2086 # three numbers
  eeprom_put_config "$1" "$STATE/bootconf.txt" $2
}

# eeprom_put_config IMAGE FILE OFFSET SIZE LAST: writes the file into its sector as EepromImage.withFile does. Offset and
# size, in bytes, are multiples of 8; LAST is 1 when no section follows.
eeprom_put_config() {
  eeprom_length=$(($(wc -c <"$2")))
  [ "$eeprom_length" -le "$EEPROM_FILE_MAX_BYTES" ] && [ $((eeprom_length + 24)) -le "$4" ] || return 1
  eeprom_end=$(((eeprom_length + 31) / 8 * 8))
  {
    eeprom_u32 55aaf11f
    eeprom_u32 "$(printf '%08x' $((eeprom_length + 16)))"
    dd if="$1" bs=8 skip=$(($3 / 8 + 1)) count=2 2>/dev/null
    cat "$2"
    eeprom_ones $((eeprom_end - eeprom_length - 24))
    if [ "$5" != 1 ] && [ $(($4 - eeprom_end)) -ge 8 ]; then
      eeprom_u32 55aafeef
      eeprom_u32 "$(printf '%08x' $(($4 - eeprom_end - 8)))"
      eeprom_end=$((eeprom_end + 8))
    fi
    eeprom_ones $(($4 - eeprom_end))
  } >"$STATE/eeprom.slot"
  dd if="$STATE/eeprom.slot" of="$1" bs=8 seek=$(($3 / 8)) conv=notrunc 2>/dev/null
}

# eeprom_u32 HEX: four bytes, the highest first.
eeprom_u32() {
  # shellcheck disable=SC2059 # the format is the bytes
  printf "$(printf '%s' "$1" | sed 's/../\\x&/g')"
}

# Erased flash is all ones.
eeprom_ones() {
  [ "$1" -le 0 ] || head -c "$1" /dev/zero | tr '\000' '\377'
}

# Tells the server once what the bootloader is set to, so that `pinetboot pi eeprom` keeps it and sees its own work.
eeprom_report() {
  [ -n "$SERVER" ] && [ -z "$EEPROM_REPORTED" ] && eeprom_chip || return 0
  eeprom_config >"$STATE/eeprom.conf"
  eeprom_body="serial=$SERIAL&mac=$MAC&boot=$BOOT_ID&written=$(eeprom_written_at)&config=$(url_encode "$(cat "$STATE/eeprom.conf")")"
  wget -q -T "$REPORT_TIMEOUT_SECONDS" -O /dev/null --post-data "$eeprom_body" "http://$SERVER/v1/bootloader" 2>/dev/null &&
    EEPROM_REPORTED=1
  return 0
}
