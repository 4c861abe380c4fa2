# What the files of a boot partition call this board.

# board_row: "TYPE SOC FILTERS TREES MAINLINE", from the firmware's revision code, or else from the device tree's own
# name; nothing for a machine that is no Raspberry Pi. TYPE is the board type of the revision code, FILTERS are those of
# config.txt, TREES and MAINLINE the names of device trees of Raspberry Pi's own kernel and of mainline, without .dtb.
board_row() {
  case "$(board_type)" in
    04) printf '04 bcm2837 pi2 bcm2710-rpi-2-b bcm2837-rpi-2-b' ;;
    08) printf '08 bcm2837 pi3 bcm2710-rpi-3-b bcm2837-rpi-3-b' ;;
    0d) printf '0d bcm2837 pi3,pi3+ bcm2710-rpi-3-b-plus bcm2837-rpi-3-b-plus' ;;
    0e) printf '0e bcm2837 pi3,pi3+ bcm2710-rpi-3-a-plus,bcm2710-rpi-3-b-plus bcm2837-rpi-3-a-plus' ;;
    0a) printf '0a bcm2837 pi3,cm3 bcm2710-rpi-cm3 bcm2837-rpi-cm3-io3' ;;
    10) printf '10 bcm2837 pi3,cm3,cm3+ bcm2710-rpi-cm3 bcm2837-rpi-cm3-io3' ;;
    12) printf '12 bcm2837 pi0,pi0w,pi02 bcm2710-rpi-zero-2-w,bcm2710-rpi-zero-2 bcm2837-rpi-zero-2-w' ;;
    11) printf '11 bcm2711 pi4 bcm2711-rpi-4-b bcm2711-rpi-4-b' ;;
    13) printf '13 bcm2711 pi4,pi400 bcm2711-rpi-400 bcm2711-rpi-400' ;;
    14) printf '14 bcm2711 pi4,cm4 bcm2711-rpi-cm4 bcm2711-rpi-cm4-io' ;;
    15) printf '15 bcm2711 pi4,cm4s bcm2711-rpi-cm4s bcm2711-rpi-cm4s' ;;
    17) board_is_d0 && printf '17 bcm2712 pi5 bcm2712d0-rpi-5-b,bcm2712-rpi-5-b bcm2712-d-rpi-5-b,bcm2712-rpi-5-b' ||
      printf '17 bcm2712 pi5 bcm2712-rpi-5-b bcm2712-rpi-5-b' ;;
    18) printf '18 bcm2712 pi5,cm5 bcm2712-rpi-cm5-cm5io,bcm2712-rpi-cm5-cm4io bcm2712-rpi-cm5-cm5io' ;;
    1a) printf '1a bcm2712 pi5,cm5 bcm2712-rpi-cm5l-cm5io,bcm2712-rpi-cm5l-cm4io bcm2712-rpi-cm5l-cm5io' ;;
    19) printf '19 bcm2712 pi5,pi500 bcm2712-rpi-500 bcm2712-rpi-500,bcm2712-d-rpi-5-b' ;;
  esac
}

# board_field NUMBER
board_field() {
  board_row | cut -d' ' -f"$1" | tr ',\n' '  ' | sed 's/ $//'
}

# Two hex digits: bits 4 to 11 of a new-style revision code (bit 23).
board_type() {
  if [ -f "$PROC/device-tree/system/linux,revision" ]; then
    board_revision=$(hexdump -v -e '1/1 "%02x"' "$PROC/device-tree/system/linux,revision")
    case "$board_revision" in ??[89a-f]?????) printf '%s' "$board_revision" | cut -c6-7 && return ;; esac
  fi
  board_name=$(tr '\000' '\n' <"$PROC/device-tree/compatible" 2>/dev/null | sed -n 's/^raspberrypi,//p' | head -n 1)
  case "$board_name" in
    2-model-b*) printf 04 ;;
    3-model-b) printf 08 ;;
    3-model-b-plus) printf 0d ;;
    3-model-a-plus) printf 0e ;;
    3-compute-module*) printf 0a ;;
    3-plus-compute-module*) printf 10 ;;
    model-zero-2-w | zero-2-w) printf 12 ;;
    4-model-b) printf 11 ;;
    400) printf 13 ;;
    4-compute-module) printf 14 ;;
    4-compute-module-s) printf 15 ;;
    5-model-b) printf 17 ;;
    5-compute-module*) printf 18 ;;
    500) printf 19 ;;
  esac
}

# The D0 stepping of the Pi 5's chip has a tree of its own; the running tree names that chip.
board_is_d0() {
  grep -q bcm2712d0 "$SYS/firmware/fdt" 2>/dev/null
}
