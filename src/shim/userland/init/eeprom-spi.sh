# Writes the EEPROM's chip itself, by flashrom over SPI, where the card has nothing of Raspberry Pi's own for this board.
# Everything is looked at first: whatever is unexpected leaves the chip untouched. It has never been run on a real board.

# Raspberry Pi's own limit is 16 MHz; slower is safe.
EEPROM_SPI_KHZ=8000

# 0 when the chip was written and read back, and this Pi is to be restarted; 1 when it is as it was, which was said.
eeprom_spi() {
  eeprom_dir=$STATE/eeprom-spi
  EEPROM_WHY='' EEPROM_FIX=''
  if eeprom_spi_prepare && eeprom_spi_read && eeprom_spi_edit; then
    eeprom_spi_write && return 0
  elif [ -n "$EEPROM_WHY" ]; then
    say kernel progress "the EEPROM stays as it is, nothing was written: $EEPROM_WHY" \
      "${EEPROM_FIX:-set BOOT_ORDER=$EEPROM_WANTED with Raspberry Pi's own rpi-eeprom-config, or put Raspberry Pi's files into pinetboot's firmware folder and write the card anew}"
  fi
  rm -rf "$eeprom_dir"
  return 1
}

# The programs from the card, the drivers, and the chip as EEPROM_SPI_DEVICE.
eeprom_spi_prepare() {
  rm -rf "$eeprom_dir"
  mkdir -p "$eeprom_dir"
  xzcat "$RUN/card/eeprom/spi.cpio.xz" 2>/dev/null | (cd "$eeprom_dir" && cpio -idu 2>/dev/null) &&
    [ -f "$eeprom_dir/flashrom/flashrom" ] || {
    EEPROM_WHY="the card's eeprom/spi.cpio.xz cannot be unpacked"
    EEPROM_FIX="write the card anew"
    return 1
  }
  for eeprom_module in spi-bcm2835 spidev; do
    insmod "$eeprom_dir/modules/$eeprom_module.ko" 2>/dev/null || : # it may be there already
  done
  eeprom_spi_device || {
    EEPROM_WHY="no SPI flash is in this Pi's device tree"
    EEPROM_FIX="write the card anew: its config.txt lacks dtoverlay=eeprom-spi, or this Pi's firmware did not take it"
    return 1
  }
}

# The overlays eeprom-spi name it; no driver is here that would take it by itself.
eeprom_spi_device() {
  for eeprom_chip_dir in "$SYS"/bus/spi/devices/*; do
    grep -q 'jedec,spi-nor' "$eeprom_chip_dir/of_node/compatible" 2>/dev/null || continue
    eeprom_chip_name=${eeprom_chip_dir##*/}
    echo spidev >"$eeprom_chip_dir/driver_override"
    echo "$eeprom_chip_name" 2>/dev/null >"$SYS/bus/spi/drivers/spidev/bind" || : # bound already
    EEPROM_SPI_DEVICE=$DEV/spidev${eeprom_chip_name#spi}
    [ -e "$EEPROM_SPI_DEVICE" ] && return 0
  done
  return 1
}

# eeprom_flashrom WORDS...: what it said is in flashrom.log.
eeprom_flashrom() {
  eeprom_flashrom_program -p "linux_spi:dev=$EEPROM_SPI_DEVICE,spispeed=$EEPROM_SPI_KHZ" "$@" \
    >"$eeprom_dir/flashrom.log" 2>&1
}

# Debian's program, which is not static, with its own loader and libraries.
eeprom_flashrom_program() {
  "$eeprom_dir/flashrom/ld-linux-aarch64.so.1" --library-path "$eeprom_dir/flashrom" "$eeprom_dir/flashrom/flashrom" "$@"
}

# The last thing that flashrom said and that is no advice.
eeprom_flashrom_said() {
  grep -vE '^(Note:|Using|Calibrating|flashrom|$)' "$eeprom_dir/flashrom.log" | tail -n 1 | head -c 160
}

# Reads the chip twice, into before.rom.
eeprom_spi_read() {
  for eeprom_name in before again; do
    eeprom_flashrom -r "$eeprom_dir/$eeprom_name.rom" || {
      EEPROM_WHY="flashrom does not know the chip, or cannot read it ($(eeprom_flashrom_said))"
      return 1
    }
  done
  eeprom_same "$eeprom_dir/before.rom" "$eeprom_dir/again.rom" || {
    EEPROM_WHY="reading the chip twice gave two answers"
    return 1
  }
  case "$EEPROM_CHIP" in 2711) eeprom_expected=524288 ;; *) eeprom_expected=2097152 ;; esac
  eeprom_size=$(($(wc -c <"$eeprom_dir/before.rom")))
  [ "$eeprom_size" = "$eeprom_expected" ] || {
    EEPROM_WHY="the chip has $eeprom_size bytes, and this board's EEPROM has $eeprom_expected"
    return 1
  }
}

eeprom_same() {
  [ "$(sha256sum <"$1")" = "$(sha256sum <"$2")" ]
}

# Makes after.rom: the same with the wanted order, and nothing else changed.
eeprom_spi_edit() {
  eeprom_look_through "$eeprom_dir/before.rom" || {
    EEPROM_WHY="what is in the chip is no bootloader that is known here ($EEPROM_WHY)"
    return 1
  }
  eeprom_bootconf "$eeprom_dir/before.rom" >"$eeprom_dir/bootconf.txt"
  EEPROM_ORDER=$(eeprom_setting BOOT_ORDER <"$eeprom_dir/bootconf.txt")
  ! eeprom_tries_network "$EEPROM_ORDER" || {
    say kernel progress "the EEPROM tries the network already (BOOT_ORDER=$EEPROM_ORDER in the chip): it stays as it is"
    EEPROM_WHY=''
    return 1
  }
  if [ "$EEPROM_SIGNED" = 1 ]; then
    EEPROM_WHY="it is signed for secure boot"
  elif [ "$(eeprom_setting EEPROM_WRITE_PROTECT <"$eeprom_dir/bootconf.txt")" = 1 ]; then
    EEPROM_WHY="its own settings protect it (EEPROM_WRITE_PROTECT=1)"
  fi
  [ -z "$EEPROM_WHY" ] || return 1
  awk -v key=BOOT_ORDER -v value="$EEPROM_WANTED" -f "$LIB"/bootconf.awk \
    <"$eeprom_dir/bootconf.txt" >"$eeprom_dir/wanted.txt"
  # Where nothing follows, what lies behind the settings' sector is not looked at and not touched.
  eeprom_sector=$((EEPROM_PAGE_BYTES - EEPROM_AT % EEPROM_PAGE_BYTES))
  if [ "$EEPROM_LAST" = 1 ] && [ "$EEPROM_ROOM" -gt "$eeprom_sector" ] &&
    [ $((EEPROM_FILE_HEADER_BYTES + EEPROM_LENGTH)) -le "$eeprom_sector" ]; then
    EEPROM_ROOM=$eeprom_sector
  fi
  cp "$eeprom_dir/before.rom" "$eeprom_dir/after.rom"
  eeprom_put_config "$eeprom_dir/after.rom" "$eeprom_dir/wanted.txt" "$EEPROM_AT" "$EEPROM_ROOM" "$EEPROM_LAST" || {
    EEPROM_WHY="the settings with the new order do not fit"
    return 1
  }
  eeprom_first=$((EEPROM_AT / EEPROM_PAGE_BYTES * EEPROM_PAGE_BYTES))
  eeprom_last=$(((EEPROM_AT + EEPROM_ROOM + EEPROM_PAGE_BYTES - 1) / EEPROM_PAGE_BYTES * EEPROM_PAGE_BYTES - 1))
  printf '%08x:%08x settings\n' "$eeprom_first" "$eeprom_last" >"$eeprom_dir/layout"
  eeprom_look_through "$eeprom_dir/after.rom" && eeprom_bootconf "$eeprom_dir/after.rom" >"$eeprom_dir/check.txt" &&
    eeprom_same "$eeprom_dir/check.txt" "$eeprom_dir/wanted.txt" || {
    EEPROM_WHY="the new settings do not read back from the image"
    return 1
  }
}

# Writes what differs, of the settings' sectors alone, and compares the whole chip with what was wanted.
eeprom_spi_write() {
  # What was there, for whoever has to put it back; and the mark that has nobody try twice, before the first byte.
  cp "$eeprom_dir/before.rom" "$RUN/card/eeprom/before.bin" && echo spi >"$RUN/card/eeprom/tried" && sync || {
    say kernel progress "the EEPROM stays as it is, nothing was written: the card cannot take a copy of it" \
      "is the card full or write-protected? write it anew"
    rm -f "$RUN/card/eeprom/before.bin" "$RUN/card/eeprom/tried"
    return 1
  }
  say kernel progress "the EEPROM gets BOOT_ORDER=$EEPROM_WANTED (was ${EEPROM_ORDER:-the default}) by flashrom over SPI (never tried on a real board)" \
    "leave the power on"
  eeprom_spi_put after && {
    say kernel progress "the EEPROM was written by flashrom, read back whole and is as it should be: BOOT_ORDER=$EEPROM_WANTED; restarting"
    return 0
  }
  echo failed >"$RUN/card/eeprom/tried"
  if eeprom_spi_put after; then
    echo spi >"$RUN/card/eeprom/tried"
    say kernel progress "the EEPROM was written by flashrom at the second try, read back whole and is as it should be: BOOT_ORDER=$EEPROM_WANTED; restarting"
    return 0
  elif eeprom_spi_put before; then
    say kernel progress "the EEPROM could not be written ($eeprom_why_not); it is again as it was, read back" \
      "is it write-protected? it is not tried again"
  else
    say kernel progress "the EEPROM could not be written ($eeprom_why_not) and is NOT as it was" \
      "before this Pi is switched off, or after, restore it with Raspberry Pi Imager (Misc utility images, Bootloader); what was in it is eeprom/before.bin on the card"
  fi
  return 1
}

# eeprom_spi_put NAME: has the chip hold NAME.rom; 1, with eeprom_why_not, when it does not after that.
eeprom_spi_put() {
  eeprom_flashrom -l "$eeprom_dir/layout" -i settings -w "$eeprom_dir/$1.rom" ||
    eeprom_why_not=$(eeprom_flashrom_said)
  rm -f "$eeprom_dir/now.rom"
  eeprom_flashrom -r "$eeprom_dir/now.rom" && eeprom_same "$eeprom_dir/now.rom" "$eeprom_dir/$1.rom" && return 0
  : "${eeprom_why_not:=it reads back otherwise}"
  return 1
}

# Takes the SPI flash out of the device tree of the next start: its pins are a Pi 4's sound and lamp.
eeprom_spi_forget() {
  case "$EEPROM_CHIP" in 2711) eeprom_overlay=eeprom-spi ;; *) eeprom_overlay=eeprom-spi-pi5 ;; esac
  grep -q "^dtoverlay=$eeprom_overlay\$" "$RUN/card/config.txt" 2>/dev/null || return 0
  sed "/^dtoverlay=$eeprom_overlay\$/d" "$RUN/card/config.txt" >"$RUN/card/config.new" &&
    sync && mv "$RUN/card/config.new" "$RUN/card/config.txt"
}
