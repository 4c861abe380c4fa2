# DHCP option 17 as an iSCSI root, RFC 4173 section 5: iscsi:SERVER:PROTOCOL:PORT:LUN:TARGET, every field but the server
# and the target may be empty. A server in brackets is an IPv6 address, the LUN is hexadecimal. And option 224: the mode.

# Fills the source "dhcp" from the lease.
values_from_dhcp() {
  values_clear dhcp
  mode_hex=$(lease_get opt224)
  # Some servers send the NUL of their own memory along, and people write words in capitals.
  [ -z "$mode_hex" ] || value_put dhcp iscsi.mode "$(hex_text "$mode_hex" | tr A-Z a-z | sed 's/ *$//')"
  root_path=$(lease_get rootpath)
  case "$root_path" in
    '') ;;
    iscsi:*) root_path_split "${root_path#iscsi:}" || root_path_is_wrong ;;
    *) root_path_is_wrong ;; # NFS roots look like that: they are for somebody else
  esac
}

root_path_is_wrong() {
  say_once root-path parameters progress "DHCP option 17 from $(lease_get serverid) is '$root_path', not an iSCSI disk" \
    "iscsi:ADDRESS:::LUN:TARGET"
}

# Returns 1 when a colon, the server or the target is missing, or the protocol is another than TCP.
root_path_split() {
  case "$1" in
    \[*\]:*)
      split_server=${1%%\]*}
      split_server=${split_server#\[}
      split_rest=${1#*\]:}
      ;;
    *:*)
      split_server=${1%%:*}
      split_rest=${1#*:}
      ;;
    *) return 1 ;;
  esac
  # The target's name may hold colons: it is all that follows the fourth one.
  case "$split_rest" in *:*:*:?*) ;; *) return 1 ;; esac
  [ -n "$split_server" ] || return 1
  case "${split_rest%%:*}" in '' | 6) ;; *) return 1 ;; esac
  split_rest=${split_rest#*:}
  value_put dhcp iscsi.ip "$split_server"
  root_path_value iscsi.port "${split_rest%%:*}"
  split_rest=${split_rest#*:}
  root_path_value iscsi.lun "$(root_path_lun "${split_rest%%:*}")"
  root_path_value iscsi.target "${split_rest#*:}"
}

# root_path_lun HEX: in decimal. Eight bytes in hex, in groups of four digits with dashes between; a short one is the first
# group, which is where a LUN lies. What is none is passed on as it is, to be shown as it was written.
root_path_lun() {
  lun_first=${1%%-*}
  lun_rest=${1#"$lun_first"}
  case "$lun_first" in ????????????????) lun_rest=$lun_rest-${lun_first#????} && lun_first=${lun_first%????????????} ;; esac
  case "$lun_first" in
    '' | *[!0-9A-Fa-f]* | ?????*) printf '%s' "$1" ;;
    *) case "$lun_rest" in *[!0-]*) printf '%s' "$1" ;; *) printf '%d' "0x$lun_first" ;; esac ;;
  esac
}

root_path_value() {
  [ -z "$2" ] || value_put dhcp "$1" "$2"
}

# udhcpc gives options that it does not know in hex.
hex_text() {
  printf '%s' "$1" | hex_bytes | tr -d '\000-\037\177'
}
