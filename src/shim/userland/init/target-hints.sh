# What the target is told about its network: its own managers must leave the interface alone that carries its root, from
# its first second to the last one of a shutdown; and about the module pack. All of it in /run: nothing is written to the
# target's disk.

target_hints() {
  hint_networkd
  hint_network_manager
  hint_ifupdown
  hint_dhcpcd
  hint_killall
  hint_modules
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
  hint_unit systemd-networkd-wait-online.service <<HINT
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

# ifup leaves an interface that it believes to be up: Debian's reads the first file, Alpine's (and busybox's) the second.
# ifdown would take down what is up there: at shutdown, with the root still mounted. Debian's is told to leave the
# interface out, also where a cable brings it up (ifup@); Alpine's keeps its network at shutdown by itself.
hint_ifupdown() {
  mkdir -p "$RUN/network"
  printf '%s=%s\n' "$INTERFACE" "$INTERFACE" >"$RUN/network/ifstate"
  printf '%s=%s 1\n' "$INTERFACE" "$INTERFACE" >"$RUN/ifstate"
  hint_excluded=$(sed -n 's/^EXCLUDE_INTERFACES=//p' "$ROOT/etc/default/networking" 2>/dev/null | tail -n 1 | tr -d "\"'")
  hint_exclude="EXCLUDE_INTERFACES=\"$INTERFACE${hint_excluded:+ $hint_excluded}\""
  printf '%s\n' "$hint_exclude" >"$RUN/pinetboot/networking"
  hint_unit networking.service <<HINT
[Service]
EnvironmentFile=/run/pinetboot/networking
HINT
  if hint_is_systemd; then
    ln -sf /dev/null "$RUN/systemd/system/ifup@$INTERFACE.service"
  else
    hint_over etc/default/networking "$hint_exclude"
  fi
}

# dhcpcd takes every interface and reads one file, on the target's disk. Under systemd its start gets one more flag.
hint_dhcpcd() {
  for hint_name in dhcpcd dhcpcd5; do
    hint_start=$(hint_exec_start "$hint_name")
    [ -n "$hint_start" ] || continue
    hint_program=${hint_start%% *}
    hint_unit "$hint_name.service" <<HINT
[Service]
ExecStart=
ExecStart=$hint_program --denyinterfaces $INTERFACE${hint_start#"$hint_program"}
HINT
  done
  hint_is_systemd || hint_over etc/dhcpcd.conf "denyinterfaces $INTERFACE"
}

hint_is_systemd() {
  case "$(root_resolve "$INIT")" in */systemd) ;; *) return 1 ;; esac
}

# hint_over FILE LINE: the target sees this file of its disk with one more line, through a mount. The line comes last,
# as a shell reads it, but for dhcpcd, to which a later line belongs to what stands before it.
hint_over() {
  [ -f "$ROOT/$1" ] || return 0
  hint_view=$RUN/pinetboot/${1##*/}.view
  {
    printf '# pinetboot shows this file with one more line (%s); umount /%s shows the real one.\n' "$2" "$1"
    case "$1" in *.conf) printf '%s\n' "$2" && cat "$ROOT/$1" ;; *) cat "$ROOT/$1" && printf '\n%s\n' "$2" ;; esac
  } >"$hint_view"
  mount -o bind "$hint_view" "$ROOT/$1" && mount -o remount,bind,ro "$ROOT/$1"
}

# At a shutdown systemd would unmount the module pack, which its own udev still reads, and say that it failed. A name that
# ends in a dash is for every mount below that folder (systemd.unit(5)).
hint_modules() {
  for hint_mount in lib-modules lib-modules- usr-lib-modules usr-lib-modules-; do
    hint_unit "$hint_mount.mount" <<HINT
[Unit]
DefaultDependencies=no
HINT
  done
}

# hint_unit NAME: a drop-in for a unit of systemd, from stdin, read after those that the target has. Under another
# init the folder must not be there: by it every program decides whether systemd runs.
hint_unit() {
  hint_is_systemd || return 0
  mkdir -p "$RUN/systemd/system/$1.d"
  cat >"$RUN/systemd/system/$1.d/zz-pinetboot.conf"
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
