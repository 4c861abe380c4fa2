# What the target is told about its network: its own managers must leave the interface alone that carries its root, from
# its first second to the last one of a shutdown. All of it in /run: nothing is written to the target's disk.

target_hints() {
  hint_networkd
  hint_network_manager
  hint_ifupdown
  hint_dhcpcd
  hint_killall
}

# udev must not rename the interface: its DHCP client would have to start again.
hint_networkd() {
  mkdir -p "$RUN/systemd/network"
  cat >"$RUN/systemd/network/00-pinetboot.link" <<HINT
[Match]
MACAddress=$MAC
Type=ether wlan

[Link]
NamePolicy=keep
HINT
  cat >"$RUN/systemd/network/00-pinetboot.network" <<HINT
[Match]
MACAddress=$MAC
Type=ether wlan

[Link]
Unmanaged=yes
HINT
  # Where nothing is left for networkd to manage, waiting for it takes two minutes; this system is online, as it runs.
  mkdir -p "$RUN/pinetboot"
  hint_unit systemd-networkd-wait-online <<HINT
[Unit]
ConditionPathExists=!/run/pinetboot
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

# To ifup the interface is up already, to ifdown it is up by a description that is nowhere: both leave it. Debian's
# ifupdown reads the first file, Alpine's (and busybox's) the second one; Alpine keeps its network at shutdown by itself.
hint_ifupdown() {
  mkdir -p "$RUN/network"
  printf '%s=pinetboot\n' "$INTERFACE" >"$RUN/network/ifstate"
  printf '%s=%s 1\n' "$INTERFACE" "$INTERFACE" >"$RUN/ifstate"
}

# dhcpcd takes every interface and reads one file, on the target's disk. Under systemd its start gets one more flag;
# elsewhere its file is seen with one more line, through a mount.
hint_dhcpcd() {
  for hint_name in dhcpcd dhcpcd5; do
    hint_start=$(hint_exec_start "$hint_name")
    [ -n "$hint_start" ] || continue
    hint_program=${hint_start%% *}
    hint_unit "$hint_name" <<HINT
[Service]
ExecStart=
ExecStart=$hint_program --denyinterfaces $INTERFACE${hint_start#"$hint_program"}
HINT
  done
  case "$(root_resolve "$INIT")" in */systemd) return ;; esac
  [ -f "$ROOT/etc/dhcpcd.conf" ] || return 0
  {
    printf '# pinetboot shows this file with the next line; umount /etc/dhcpcd.conf shows the real one.\n'
    printf 'denyinterfaces %s\n' "$INTERFACE"
    cat "$ROOT/etc/dhcpcd.conf"
  } >"$RUN/pinetboot/dhcpcd.conf"
  mount -o bind "$RUN/pinetboot/dhcpcd.conf" "$ROOT/etc/dhcpcd.conf" &&
    mount -o remount,bind,ro "$ROOT/etc/dhcpcd.conf"
}

# hint_unit NAME: a drop-in for a service of systemd, from stdin, read after those that the target has.
hint_unit() {
  mkdir -p "$RUN/systemd/system/$1.service.d"
  cat >"$RUN/systemd/system/$1.service.d/zz-pinetboot.conf"
}

# hint_exec_start NAME: how a service of the target starts; drop-ins come after their unit.
hint_exec_start() {
  for hint_folder in usr/lib lib etc; do
    for hint_file in "$ROOT/$hint_folder/systemd/system/$1.service" \
      "$ROOT/$hint_folder/systemd/system/$1.service.d"/*.conf; do
      [ -f "$hint_file" ] && sed -n 's/^ExecStart=\(.\)/\1/p' "$hint_file"
    done
  done | tail -n 1
}

# sysvinit's last act before the root goes is to kill everything: not these, for the disk is still in use.
hint_killall() {
  mkdir -p "$RUN/sendsigs.omit.d"
  printf '%s\n' $ALL_KEPT >"$RUN/sendsigs.omit.d/pinetboot"
}

hint_name_servers() {
  awk '$1 == "nameserver" { print $2 }' "$RESOLV_CONF" 2>/dev/null
}
