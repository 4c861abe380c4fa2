# Whether another machine uses this Pi's address: asked by ARP (RFC 5227) while the boot goes on, and looked at before
# and after the login. Two machines with one address take each other's packets, and a disk hangs now and then.

# What a machine of the same network may take to answer; nobody waits for it, most answer at once.
DUPLICATE_PATIENCE_SECONDS=1
# udhcpc asks itself, and declines such an address, once one has been seen.
DUPLICATE_DHCP_FLAG=-a500

duplicate_probe() {
  rm -f "$STATE/duplicate"
  arping -D -c 1 -w "$DUPLICATE_PATIENCE_SECONDS" -I "$INTERFACE" "$ADDRESS" >"$STATE/duplicate" 2>/dev/null &
}

# Returns 1 when another machine has the address.
duplicate_check() {
  duplicate_mac=$(duplicate_of "$STATE/duplicate")
  [ -n "$duplicate_mac" ] || return 0
  say network fail "another machine has this Pi's address $ADDRESS too: $duplicate_mac" "$(duplicate_fix)"
  duplicate_leave_address
  return 1
}

# The MAC that answered, unless it is one of this Pi's own: with two interfaces in one network the other answers too.
duplicate_of() {
  duplicate_found=$(sed -n 's/.* reply from .*\[\(..:..:..:..:..:..\)\].*/\1/p;T;q' "$1" 2>/dev/null)
  case " $(cat "$SYS"/class/net/*/address 2>/dev/null | tr '\n' ' ')" in
    *" $duplicate_found "*) ;;
    *) printf '%s' "$duplicate_found" ;;
  esac
}

duplicate_fix() {
  if [ -n "$DHCP_INTERFACE" ]; then
    printf 'give that machine another address; this Pi declines its own now and asks DHCP for another'
  else
    printf 'give that machine another address, or this Pi by ip= on the kernel command line'
  fi
}

# An address of the command line is probed again at the next try.
duplicate_leave_address() {
  [ -z "$DHCP_CLIENT" ] || kill "$DHCP_CLIENT" 2>/dev/null
  ip addr flush dev "$INTERFACE"
  rm -f "$STATE/duplicate"
  DHCP_CLIENT= DHCP_INTERFACE= ADDRESS=
  DHCP_FLAGS=$DUPLICATE_DHCP_FLAG
}
