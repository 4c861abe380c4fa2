# How a Pi is set up, by the stage that failed: for somebody who has this page and nothing else.

# The name that the server and its page know this Pi by.
help_key() {
  case "$SERIAL" in
    ????????*) printf '%s' "$SERIAL" | sed 's/.*\(........\)$/\1/' ;;
    *) machine_any_mac ;;
  esac
}

# help_steps STAGE
help_steps() {
  case "$1" in
    network) help_steps_network ;;
    parameters) help_steps_parameters ;;
    login) help_steps_login ;;
    *) help_steps_disk ;;
  esac
}

help_steps_network() {
  cat <<STEPS
THE NETWORK, STEP BY STEP

  1. Put a network cable between this Pi and your router or switch, or the computer that
     runs pinetboot. The lamps beside the socket must be lit.
  2. Somebody must give this Pi an address: your router does. On a cable of its own,
     without a router, pinetboot does:
         sudo pinetboot serve --dhcp server --interface NAME
  3. Without a cable, with the WiFi variant of the shim: put a file wpa_supplicant.conf
     with the name and password of your WiFi onto the boot partition of the SD card.
STEPS
}

help_steps_parameters() {
  cat <<STEPS
THE SERVER, STEP BY STEP

  1. Start pinetboot on a computer in the same network:
         sudo pinetboot serve
     Its firewall must let TCP 8069 and 3260 and UDP 67, 69 and 4011 in.
  2. Choose what this Pi boots, on the page that it shows, or by
         pinetboot pi assign $(help_key) --image NAME
  3. With another iSCSI server, your DHCP server tells this Pi its disk. In dnsmasq.conf:
         dhcp-option=17,iscsi:192.168.1.10:::1:iqn.2024-01.local:pi4-root
     or the kernel command line does, in cmdline.txt:
         iscsi.ip=192.168.1.10 iscsi.target=iqn.2024-01.local:pi4-root
STEPS
}

help_steps_login() {
  cat <<STEPS
THE iSCSI SERVER, STEP BY STEP

  1. The server below must be on, in the same network, and let its TCP port in (3260).
  2. It must have a target of exactly the name below, and this Pi's initiator name and
     login must be allowed to use it.
  3. The values below come from the places beside them: mend a wrong one there. With
     pinetboot's own server nothing of it is yours to set: choose the image anew, by
         pinetboot pi assign $(help_key) --image NAME
STEPS
}

help_steps_disk() {
  cat <<STEPS
THE DISK, STEP BY STEP

  1. The disk must hold the image of an ARM Linux, like Raspberry Pi OS (64-bit):
     partition 1 for booting (FAT), partition 2 with the system.
  2. Choose another image for this Pi, on pinetboot's page or by
         pinetboot pi assign $(help_key) --image NAME
     or begin with a fresh copy of the same one ("Begin again" on the page).
  3. Mode pivot runs the system under pinetboot's kernel, kexec under its own, and usb
     offers the disk to a computer at the USB port. Another mode may do:
         pinetboot pi assign $(help_key) --image NAME --mode kexec
STEPS
}
