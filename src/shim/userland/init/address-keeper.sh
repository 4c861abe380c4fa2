#!/bin/busybox sh
# address-keeper.sh MAC: holds the address that the root disk hangs on, in the tmpfs that outlives switch_root.
#
# The target's managers are told to leave the interface alone, but not every one can be told, and not every time:
# dhcpcd takes an address away when its lease ends, `halt -i` of sysvinit downs every interface before the kernel has
# written its last, a person types `ifdown eth0`. Without this program the first read after that would never end.

PATH=/bin
LEASE=/lease
LOOK_EVERY_SECONDS=2
IFF_UP=1
export PATH

. /lib/interface-name.sh

tell() {
  printf '<4>pinetboot: %s\n' "$1" >/dev/kmsg
}

# The kernel lists an address among its own only while the interface is up.
address_is_there() {
  read -r flags <"/sys/class/net/$name/flags" && [ $((flags & IFF_UP)) = "$IFF_UP" ] &&
    grep -q -- "|-- $ip\$" /proc/net/fib_trie
}

address_restore() {
  ip link set "$name" up
  ip addr add "$ip/$(cat "$LEASE/mask")" broadcast + dev "$name" 2>/dev/null
  router=$(cat "$LEASE/router" 2>/dev/null)
  [ -z "$router" ] || ip route | grep -q '^default' || ip route add default via "$router" dev "$name"
}

name=
while :; do
  [ -n "$name" ] && [ -e "/sys/class/net/$name" ] || name=$(interface_name "$1")
  ip=$(cat "$LEASE/ip" 2>/dev/null)
  if [ -n "$name" ] && [ -n "$ip" ] && ! address_is_there; then
    address_restore 2>/dev/null
    address_is_there && tell "somebody took $ip away from $name; the root disk needs it: it is back"
  fi
  sleep "$LOOK_EVERY_SECONDS"
done
