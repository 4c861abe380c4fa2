# interface_name MAC: what the real interface with this MAC is called now; the target's udev may rename it.
interface_name() {
  for path in /sys/class/net/*; do
    # Bridges and VLANs on top of an interface have its MAC too.
    [ -e "$path/device" ] && [ "$(cat "$path/address")" = "$1" ] && printf '%s' "${path##*/}" && return
  done
}
