# What the target is told about its network: its own managers must leave the interface alone that carries its root,
# and its programs need a resolv.conf. All of it in /run, nothing on the target's disk but a resolv.conf that is missing.

target_hints() {
  hint_networkd
  hint_network_manager
  hint_ifupdown
  hint_resolv_conf
}

# udev must not rename the interface: its DHCP client would have to start again.
hint_networkd() {
  mkdir -p "$RUN/systemd/network"
  cat >"$RUN/systemd/network/00-pinetboot.link" <<HINT
[Match]
MACAddress=$MAC
Type=ether

[Link]
NamePolicy=keep
HINT
  cat >"$RUN/systemd/network/00-pinetboot.network" <<HINT
[Match]
MACAddress=$MAC
Type=ether

[Link]
Unmanaged=yes
HINT
}

hint_network_manager() {
  mkdir -p "$RUN/NetworkManager/conf.d"
  {
    printf '[device-pinetboot]\nmatch-device=mac:%s\nmanaged=0\n' "$MAC"
    hint_servers=$(hint_name_servers | tr '\n' ',')
    [ -z "$hint_servers" ] || printf '[global-dns-domain-*]\nservers=%s\n' "${hint_servers%,}"
  } >"$RUN/NetworkManager/conf.d/00-pinetboot.conf"
}

# ifup believes that the interface is up already and leaves it.
hint_ifupdown() {
  mkdir -p "$RUN/network"
  printf '%s=%s\n' "$INTERFACE" "$INTERFACE" >"$RUN/network/ifstate"
}

hint_name_servers() {
  awk '$1 == "nameserver" { print $2 }' /etc/resolv.conf 2>/dev/null
}

# systemd-resolved reads a drop-in. A resolv.conf that is a link into /run gets its file there until its owner starts;
# one that is missing is made; one that is there is the user's.
hint_resolv_conf() {
  hint_servers=$(hint_name_servers | tr '\n' ' ')
  [ -n "$hint_servers" ] || return 0
  mkdir -p "$RUN/systemd/resolved.conf.d"
  printf '[Resolve]\nDNS=%s\n' "$hint_servers" >"$RUN/systemd/resolved.conf.d/pinetboot.conf"
  hint_file=$(root_resolve /etc/resolv.conf)
  case "$hint_file" in
    /run/*) hint_file=$RUN/${hint_file#/run/} ;;
    */../run/*) hint_file=$RUN/${hint_file##*/../run/} ;;
    *) hint_file=$ROOT$hint_file ;;
  esac
  [ -s "$hint_file" ] && return 0
  mkdir -p "${hint_file%/*}" && cp /etc/resolv.conf "$hint_file" 2>/dev/null && chmod 0644 "$hint_file"
}
