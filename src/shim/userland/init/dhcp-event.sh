#!/bin/busybox sh
# What udhcpc calls, in the tmpfs that outlives switch_root: so it may use only what keep.sh puts there.
#
# The root disk hangs on the address. So the address is never taken away: not at the end of a lease (the server may just
# be away), not before a renewal, not at the end of the client. Only another address from the server replaces it.

PATH=/bin
LEASE=/lease
export PATH

tell() {
  printf '<4>pinetboot: %s\n' "$1" >/dev/kmsg
}

keep_value() {
  if [ -n "$2" ]; then printf '%s' "$2" >"$LEASE/$1"; else rm -f "$LEASE/$1"; fi
}

keep_values() {
  keep_value ip "$ip"
  keep_value mask "$mask"
  keep_value router "${router%% *}"
  keep_value serverid "$serverid"
  keep_value domain "$domain"
  keep_value dns "$dns"
  keep_value rootpath "$rootpath"
  keep_value opt224 "$opt224"
  keep_value vendor43 "$opt43"
  keep_value siaddr "$siaddr"
  keep_value tftp "$tftp"
  for server in $dns; do printf 'nameserver %s\n' "$server"; done >"$LEASE/resolv.conf"
}

use_address() {
  old=$(cat "$LEASE/ip" 2>/dev/null)
  old_mask=$(cat "$LEASE/mask" 2>/dev/null)
  [ "$old" = "$ip" ] && return
  if [ -n "$old" ]; then
    tell "the DHCP server gave this Pi another address: $ip, it was $old"
    # First, for the kernel drops the later addresses of a network together with its first.
    ip addr del "$old/$old_mask" dev "$interface"
  fi
  ip addr add "$ip/$mask" broadcast + dev "$interface"
  [ -z "$router" ] || ip route replace default via "${router%% *}" dev "$interface"
}

case "$1" in
  bound | renew)
    use_address
    keep_values
    : >"$LEASE/bound"
    ;;
  nak) tell "the DHCP server refused the lease of $interface: ${message:-no reason given}" ;;
esac
