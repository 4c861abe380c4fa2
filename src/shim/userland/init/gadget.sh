# This Pi as a USB device, by configfs: one gadget, which is one disk. The disk is the whole of mode usb, or the help
# that a computer at the USB port is shown after a failure.

GADGET=$SYS/kernel/config/usb_gadget/pinetboot
GADGET_LUN=$GADGET/functions/mass_storage.disk/lun.0
# "Linux Foundation, Multifunction Composite Gadget": what every system has a driver for by its class.
GADGET_VENDOR_ID=0x1d6b
GADGET_PRODUCT_ID=0x0104
# In units of 2 mA: what a USB 2 port must be able to give.
GADGET_POWER=250
# SCSI has 8 letters for the vendor and 16 for the product; longer ones are cut.
GADGET_SCSI_VENDOR=Netboot

# Name of the first USB device controller; returns 1 when this machine has none.
gadget_controller() {
  for controller_path in "$SYS"/class/udc/*; do
    [ -e "$controller_path" ] && printf '%s' "${controller_path##*/}" && return 0
  done
  return 1
}

# gadget_offer FILE READ_ONLY NAME: shows FILE, a disk or an image of one, to the computer at the USB port.
# READ_ONLY is 1 or 0; NAME is what a person recognises it by. Returns 1 when there is no controller or it refuses.
gadget_offer() {
  gadget_name=$(gadget_text "$3")
  gadget_udc=$(gadget_controller) && gadget_remove && gadget_describe && gadget_load "$1" "$2" &&
    ln -s "$GADGET/functions/mass_storage.disk" "$GADGET/configs/c.1/" && printf '%s\n' "$gadget_udc" >"$GADGET/UDC"
}

gadget_describe() {
  [ -d "$SYS/kernel/config/usb_gadget" ] || mount -t configfs configfs "$SYS/kernel/config" || return
  mkdir -p "$GADGET/strings/0x409" "$GADGET/configs/c.1/strings/0x409" "$GADGET_LUN" &&
    printf '%s\n' "$GADGET_VENDOR_ID" >"$GADGET/idVendor" &&
    printf '%s\n' "$GADGET_PRODUCT_ID" >"$GADGET/idProduct" &&
    printf '%s\n' "$(gadget_serial)" >"$GADGET/strings/0x409/serialnumber" &&
    printf 'pinetboot\n' >"$GADGET/strings/0x409/manufacturer" &&
    printf '%s\n' "$gadget_name" >"$GADGET/strings/0x409/product" &&
    printf 'Disk\n' >"$GADGET/configs/c.1/strings/0x409/configuration" &&
    printf '%s\n' "$GADGET_POWER" >"$GADGET/configs/c.1/MaxPower"
}

# Windows and macOS want a stall where a transfer ends early, as the class says; the controllers of all boards can.
# removable: ejecting makes sense, and a Mac shows it. nofua=0: a write that must be on the medium is waited for.
gadget_load() {
  printf '1\n' >"$GADGET/functions/mass_storage.disk/stall" &&
    printf '1\n' >"$GADGET_LUN/removable" &&
    printf '%s\n' "$2" >"$GADGET_LUN/ro" &&
    printf '0\n' >"$GADGET_LUN/nofua" &&
    printf '%-8.8s%-16.16s1.00' "$GADGET_SCSI_VENDOR" "$gadget_name" >"$GADGET_LUN/inquiry_string" &&
    printf '%s\n' "$1" >"$GADGET_LUN/file"
}

# Takes the disk away; nothing to do when there is none.
gadget_remove() {
  [ -d "$GADGET" ] || return 0
  printf '\n' >"$GADGET/UDC" 2>/dev/null || : # it was not bound
  rm -f "$GADGET/configs/c.1/mass_storage.disk"
  rmdir "$GADGET/configs/c.1/strings/0x409" "$GADGET/configs/c.1" "$GADGET/functions/mass_storage.disk" \
    "$GADGET/strings/0x409" "$GADGET"
}

# The class asks for 12 hex digits at least, in capitals: the Pi's serial number, else its MAC.
gadget_serial() {
  gadget_digits=$(printf '%s' "${SERIAL:-$(machine_any_mac)}" | tr -d : | tr a-f A-F)
  printf '%12s' "$gadget_digits" | tr ' ' 0
}

# A name as USB's strings take it: ASCII, of 126 letters at most.
gadget_text() {
  printf '%s' "$1" | tr -cd '\040-\176' | cut -c1-126
}
