# The network: a wired interface with link, else WiFi; then an address (static by ip=, else DHCP).
# The DHCP client is started once and stays: the one that got the lease keeps it while the target system runs.

# Spanning tree keeps a switch port silent for 30 s and more after the link came up: be patient before trying another
# interface, and never give up.
LEASE_PATIENCE_SECONDS=45

# What a wired link may take before WiFi is tried: an adapter on USB appears, and the ends agree on their speed.
WIRED_PATIENCE_SECONDS=10
# Shorter where no wired interface has appeared at all, as on a Zero 2 W.
WIRED_APPEARS_SECONDS=5

network_up() {
  network_is_up && return 0
  if continued_network; then
    say network ok "$INTERFACE has $ADDRESS, as before this kernel"
    report_start
    return 0
  fi
  say network start "looking for a wired network"
  if ! network_wait_for_link; then
    wifi_up || {
      NETWORK_WITHOUT_LEASE=
      return 1
    }
  fi
  machine_mac "$INTERFACE"
  if value_has cmdline ip && network_static "$(value_get cmdline ip)"; then
    duplicate_probe
    say network ok "$INTERFACE has $ADDRESS (from ip= on the kernel command line)"
  elif network_lease; then
    duplicate_probe
    say network ok "$INTERFACE has $ADDRESS by DHCP from $(lease_get serverid)"
  else
    return 1
  fi
  report_start
  eeprom_report
  console_start
}

network_is_up() {
  [ -n "$ADDRESS" ] && network_has_link "$INTERFACE"
}

# Wired Ethernet of this machine: no loopback, no radio, nothing virtual.
network_interfaces() {
  for network_path in "$SYS"/class/net/*; do
    [ -e "$network_path/device" ] || continue
    [ "$(cat "$network_path/type")" = 1 ] || continue
    [ -e "$network_path/wireless" ] || [ -e "$network_path/phy80211" ] || printf '%s\n' "${network_path##*/}"
  done
}

network_has_link() {
  [ "$(cat "$SYS/class/net/$1/carrier" 2>/dev/null)" = 1 ]
}

# Sets INTERFACE to one with link, another than the last one that gave no lease when there is a choice. Returns 1 when
# WiFi is to be tried: there is no link in time, or only one that gave no lease.
network_wait_for_link() {
  network_waited=0
  while :; do
    INTERFACE=
    for network_name in $(network_interfaces); do
      ip link set "$network_name" up 2>/dev/null
      network_has_link "$network_name" || continue
      [ -z "$INTERFACE" ] || [ "$INTERFACE" = "$NETWORK_WITHOUT_LEASE" ] || continue
      INTERFACE=$network_name
    done
    if [ -n "$INTERFACE" ]; then
      [ "$INTERFACE" = "$NETWORK_WITHOUT_LEASE" ] && wifi_is_wanted && return 1
      return 0
    fi
    network_is_late && wifi_is_wanted && return 1
    network_waited=$((network_waited + 1))
    [ $((network_waited % WORDS_EVERY_SECONDS)) = 5 ] && network_say_no_link
    sleep 1
  done
}

network_is_late() {
  network_patience=$WIRED_PATIENCE_SECONDS
  [ -n "$(network_interfaces)" ] || network_patience=$WIRED_APPEARS_SECONDS
  [ "$network_waited" -ge "$network_patience" ]
}

# No failure, for the wait goes on; but help is what a person with this Pi in hand may want.
network_say_no_link() {
  network_say_what_is_missing
  help_waits network
}

network_say_what_is_missing() {
  if [ -n "$(network_interfaces)" ]; then
    say network progress "no link on $(network_interfaces | tr '\n' ' ')after ${network_waited} s" \
      "check the cable and the switch$(network_words_for_wifi)"
  else
    say network progress "no wired network interface has appeared after ${network_waited} s" \
      "connect an Ethernet adapter that this Pi has a driver for$(network_words_for_wifi)"
  fi
}

# How WiFi would be tried, where nobody has said which network.
network_words_for_wifi() {
  wifi_is_wanted && return
  if wifi_is_built_in; then
    printf '; for WiFi put wpa_supplicant.conf on the SD card, or wifi.ssid= and wifi.psk= on the kernel command line'
  elif value_has cmdline wifi.ssid; then
    printf '; wifi.ssid= is given, but this shim is the one without WiFi: choose the variant wifi'
  fi
}

# network_static CLIENT:SERVER:GATEWAY:NETMASK:HOST:DEVICE:AUTOCONF:DNS0:DNS1, as the kernel documents ip=.
# Not static (ip=dhcp, ip=on, an empty client) returns 1.
network_static() {
  ADDRESS=$(colon_field "$1" 1)
  case "$ADDRESS" in *.*.*.*) ;; *) ADDRESS= && return 1 ;; esac
  static_mask=$(colon_field "$1" 4)
  static_gateway=$(colon_field "$1" 3)
  ip addr add "$ADDRESS/${static_mask:-24}" dev "$INTERFACE" 2>/dev/null # the kernel may have done it
  [ -z "$static_gateway" ] || ip route replace default via "$static_gateway" dev "$INTERFACE"
  mkdir -p "$KEEP/lease"
  printf '%s' "$ADDRESS" >"$KEEP/lease/ip"
  printf '%s' "${static_mask:-24}" >"$KEEP/lease/mask"
  printf '%s' "$static_gateway" >"$KEEP/lease/router"
  : >/etc/resolv.conf
  for static_dns in $(colon_field "$1" 8) $(colon_field "$1" 9); do
    printf 'nameserver %s\n' "$static_dns" >>/etc/resolv.conf
  done
}

colon_field() {
  printf '%s' "$1" | cut -d: -f"$2"
}

# Starts the DHCP client on INTERFACE unless it runs there already, and waits for its lease.
network_lease() {
  if [ "$DHCP_INTERFACE" != "$INTERFACE" ]; then
    [ -z "$DHCP_CLIENT" ] || kill "$DHCP_CLIENT" 2>/dev/null
    rm -rf "$KEEP/lease"
    mkdir -p "$KEEP/lease"
    network_dhcp_start
  fi
  network_polls=0
  while ! lease_read; do
    network_has_link "$INTERFACE" || { say network fail "$INTERFACE lost its link" "check the cable" && return 1; }
    network_polls=$((network_polls + 1))
    network_waited=$((network_polls / POLLS_PER_SECOND))
    [ $((network_polls % (WORDS_EVERY_SECONDS * POLLS_PER_SECOND))) = 0 ] && say network progress \
      "no DHCP answer on $INTERFACE after $network_waited s" \
      "is the cable in, is a router or pinetboot --dhcp server there? A switch with spanning tree takes 30 s and more"
    if [ "$network_waited" -ge "$LEASE_PATIENCE_SECONDS" ]; then
      NETWORK_WITHOUT_LEASE=$INTERFACE
      say network fail "no DHCP answer on $INTERFACE: is the cable in, is a router or pinetboot --dhcp server there?" \
        "going on trying"
      return 1
    fi
    poll_pause
  done
}

# The client goes on until the target shuts down.
network_dhcp_start() {
  keep_start /dev/null @/busybox /bin/busybox sh /lib/dhcp-client.sh "$MAC" "$(machine_hostname)" "$DHCP_FLAGS"
  DHCP_CLIENT=$KEPT
  DHCP_INTERFACE=$INTERFACE
}

# The lease as dhcp-event.sh wrote it, once it is bound.
lease_read() {
  [ -f "$KEEP/lease/bound" ] || return 1
  ADDRESS=$(lease_get ip)
  [ ! -f "$KEEP/lease/resolv.conf" ] || cp "$KEEP/lease/resolv.conf" /etc/resolv.conf
}

lease_get() {
  [ -f "$KEEP/lease/$1" ] && cat "$KEEP/lease/$1"
}
