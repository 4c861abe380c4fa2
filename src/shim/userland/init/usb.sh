# Mode usb: the whole disk for the computer at the USB port. The shim stays: it watches the port and the session.

# What the computer has written lies in this Pi's memory until then, in hundredths of a second. Linux does not flush USB
# disks (it takes their caches for write-through), so `sync` there must mean the server's disk here a moment later.
USB_WRITE_BACK=10
# And no more than so much of it at a time.
USB_UNWRITTEN_BYTES=4194304
# A computer gives a command up after 30 s (Linux, macOS) and drops the disk: after such a pause it is plugged in anew.
USB_HOST_PATIENCE_SECONDS=30

usb_mode() {
  if ! usb_controller=$(gadget_controller); then
    say handover fail "this Pi has no USB port that can be a disk" "$(usb_advice)"
    return 1
  fi
  cpus_bring_up
  usb_write_back_soon
  help_disk_remove
  usb_read_only=$(parameter usb.readonly)
  if ! gadget_offer "$DEV/$DISK" "${usb_read_only:-0}" "$(usb_name)" 2>"$STATE/usb.error"; then
    say handover fail "$DEV/$DISK cannot be offered at the USB port: $(tail -n 1 "$STATE/usb.error")" \
      "the kernel's log above may say why"
    return 1
  fi
  usb_watch
}

usb_write_back_soon() {
  usb_vm=$PROC/sys/vm
  printf '%s\n' "$USB_WRITE_BACK" >"$usb_vm/dirty_expire_centisecs"
  printf '%s\n' "$USB_WRITE_BACK" >"$usb_vm/dirty_writeback_centisecs"
  printf '%s\n' "$USB_UNWRITTEN_BYTES" >"$usb_vm/dirty_bytes"
}

# The image's name when the server tells it, else the last word of the target's.
usb_name() {
  usb_image=$(value_get endpoint image)
  usb_target=$(parameter iscsi.target)
  printf '%s' "${usb_image:-${usb_target##*:}}"
}

# Which port of this board it is, and what it takes.
usb_advice() {
  case "$MODEL" in
    *"Pi 5"* | *"Compute Module 5"*)
      printf '%s' "it is the USB-C port, and config.txt needs dtoverlay=dwc2-pi5; choose mode pivot or kexec otherwise"
      ;;
    *"Pi 4"* | *"Compute Module 4"*)
      printf '%s' "it is the USB-C port, and config.txt needs dtoverlay=dwc2,dr_mode=peripheral; restart this Pi"
      ;;
    *"Zero 2"* | *"Model A"*)
      printf '%s' "it is the USB data port, and config.txt needs dtoverlay=dwc2,dr_mode=peripheral; restart this Pi"
      ;;
    *) printf '%s' "of Pi 3B and 3B+ none can; choose mode pivot or kexec, or take a Pi 4, 5 or Zero 2 W" ;;
  esac
}

# Says what the computer does with the disk, and mends what a long pause broke. Returns 1 when the gadget is gone.
usb_watch() {
  usb_state=
  usb_ejected=
  usb_away=0
  usb_ticks=0
  while [ -d "$GADGET" ]; do
    usb_look
    sleep 1
  done
  say handover fail "the USB disk is gone" "its words are in the kernel's log above"
  return 1
}

# One look a second.
usb_look() {
  usb_look_at_session
  usb_look_at_eject
  usb_now=$(cat "$SYS/class/udc/$usb_controller/state" 2>/dev/null)
  if [ "$usb_now" != "$usb_state" ]; then
    usb_state=$usb_now
    usb_say_state
  elif [ $((usb_ticks % WORDS_EVERY_SECONDS)) = 0 ] && [ "$usb_state" = configured ]; then
    usb_say_state
  fi
  usb_ticks=$((usb_ticks + 1))
}

usb_say_state() {
  [ -z "$usb_ejected" ] || return 0
  case "$usb_state" in
    configured)
      say_once usb handover ok "$(usb_name) is a USB disk$(usb_access) of the computer at the USB port; $(usb_traffic)"
      ;;
    suspended) say_once usb handover progress "the computer at the USB port sleeps, or its cable is out" ;;
    'not attached' | '')
      say_once usb handover progress "$(usb_name) waits at the USB port" "connect a computer there"
      ;;
    *) say_once usb handover progress "the computer at the USB port looks at this Pi ($usb_state)" ;;
  esac
}

usb_access() {
  [ "${usb_read_only:-0}" = 0 ] || printf ' (read-only)'
}

# In sectors of 512 bytes: 3rd and 7th field.
usb_traffic() {
  awk '{ printf "%.1f MB read, %.1f MB written", $3 * 512 / 1000000, $7 * 512 / 1000000 }' "$SYS/class/block/$DISK/stat"
}

# The computer has ejected the disk: all of it goes to the server, then the cable may be pulled. It is there again when
# the port is connected anew.
usb_look_at_eject() {
  if [ -n "$(cat "$GADGET_LUN/file")" ]; then
    usb_ejected=
  elif [ -z "$usb_ejected" ]; then
    usb_ejected=yes
    dd if=/dev/null of="$DEV/$DISK" conv=notrunc,fsync 2>/dev/null # busybox has no fsync
    say_once usb handover ok "$(usb_name) was ejected; $(usb_traffic)" "it may be unplugged; plugged in again it is back"
  elif usb_was_plugged_again "$(cat "$SYS/class/udc/$usb_controller/state")"; then
    printf '%s\n' "$DEV/$DISK" >"$GADGET_LUN/file"
    usb_ejected=
  fi
}

# usb_was_plugged_again STATE: it is out, or in again. A computer that sleeps may only have forgotten it for a while.
usb_was_plugged_again() {
  case "$1" in
    'not attached') return 0 ;;
    configured) [ "$usb_state" != configured ] ;;
    *) return 1 ;;
  esac
}

# While the server is away the computer's commands wait. One that waited too long was given up there, and the disk with
# it: it is pulled and plugged for it.
usb_look_at_session() {
  if [ "$(cat "$SYS/class/iscsi_session/$SESSION/state" 2>/dev/null)" = LOGGED_IN ]; then
    [ "$usb_away" -lt "$USB_HOST_PATIENCE_SECONDS" ] || usb_plug_again
    [ "$usb_away" -eq 0 ] || usb_goes_on
    usb_away=0
    return
  fi
  usb_away=$((usb_away + 1))
  [ "$usb_away" -ne 2 ] ||
    say_once session handover progress "the server is away: the computer at the USB port waits for its disk" \
      "is pinetboot serve running?"
}

# Says it, and then again how things stand: that is what the server should know last.
usb_goes_on() {
  say_once session handover progress "the server is back after $usb_away s"
  rm -f "$STATE/said/usb"
  usb_say_state
}

usb_plug_again() {
  printf '\n' >"$GADGET/UDC"
  printf '%s\n' "$usb_controller" >"$GADGET/UDC"
}
