# What is done with the disk after the login.

# The mode that counts.
mode() {
  mode_name=$(parameter iscsi.mode)
  printf '%s' "${mode_name:-pivot}"
}

# Name of the stage of init's loop that the mode begins with.
mode_stage() {
  # Our part of the initramfs that mode kexec gave this kernel ends where the image's own begins.
  [ -z "$THEN_INITRAMFS" ] || { printf initramfs && return; }
  case "$(mode)" in
    kexec) printf kexec ;;
    usb) printf usb ;;
    *) printf root ;;
  esac
}
