# The WiFi credentials, as one wpa_supplicant.conf in the tmpfs that outlives switch_root. By priority: a
# wpa_supplicant.conf on the FAT partition of the SD card, wifi.ssid= wifi.psk= wifi.country= on the kernel command line,
# the file that this shim was built with. Read anew before every try: a card may have been changed.

WIFI_CONFIG=$KEEP/etc/wpa_supplicant.conf
WIFI_CONFIG_BUILT_IN=/etc/wpa_supplicant.conf
WIFI_CONFIG_NAME=wpa_supplicant.conf
# wpa_supplicant's own limits (IEEE 802.11): bytes of a network's name, and of a password.
SSID_MAX_BYTES=32
PASSPHRASE_BYTES_LEAST=8
PASSPHRASE_BYTES_MOST=63
# A real one has a few hundred bytes; more than this is some other file of that name.
WIFI_CONFIG_MAX_BYTES=65536

# Writes WIFI_CONFIG and sets WIFI_SOURCE, in words. Returns 1 when there are none, or, having said why, when they
# cannot be right (WIFI_WRONG is then not empty).
wifi_configure() {
  WIFI_WRONG=
  mkdir -p "${WIFI_CONFIG%/*}"
  rm -f "$WIFI_CONFIG"
  (umask 077 && : >"$WIFI_CONFIG")
  if wifi_card_read; then
    WIFI_SOURCE="$WIFI_CONFIG_NAME on $wifi_card"
    wifi_config_from_file "$STATE/wifi.card"
  elif value_has cmdline wifi.ssid; then
    WIFI_SOURCE="the kernel command line"
    wifi_config_from_cmdline
  elif [ -f "$WIFI_CONFIG_BUILT_IN" ]; then
    WIFI_SOURCE="$WIFI_CONFIG_NAME inside this shim"
    wifi_config_from_file "$WIFI_CONFIG_BUILT_IN"
  else
    WIFI_SOURCE=
    return 1
  fi
}

# Copies the file from the first FAT partition that has one to $STATE/wifi.card and sets wifi_card to its device.
wifi_card_read() {
  # Once a session runs, disks may be the target's.
  [ -z "$SESSION" ] || return 1
  mkdir -p "$STATE/card"
  for wifi_card_path in "$SYS"/class/block/mmcblk*p* "$SYS"/class/block/sd?* "$SYS"/class/block/vd?*; do
    [ -f "$wifi_card_path/partition" ] || continue
    wifi_card=$DEV/${wifi_card_path##*/}
    mount -t vfat -o ro,nosuid,nodev,noexec "$wifi_card" "$STATE/card" 2>/dev/null || continue
    wifi_card_found=
    if [ -f "$STATE/card/$WIFI_CONFIG_NAME" ]; then
      (umask 077 && head -c "$WIFI_CONFIG_MAX_BYTES" "$STATE/card/$WIFI_CONFIG_NAME" >"$STATE/wifi.card")
      wifi_card_found=1
    fi
    umount "$STATE/card"
    [ -z "$wifi_card_found" ] || return 0
  done
  return 1
}

# wifi_config_from_file FILE: as people write it on any system: CRLF or CR, a byte order mark. Lines that would take the
# control socket elsewhere, or that this build has no part for, become empty: line numbers stay those of the file.
wifi_config_from_file() {
  wifi_text "$1" | sed -e 's/^[ 	]*ctrl_interface.*//' -e 's/^[ 	]*update_config[ 	]*=.*//' \
    -e 's/^[ 	]*p2p_[a-z_]*[ 	]*=.*//' >>"$WIFI_CONFIG"
  grep -q '^[ 	]*network[ 	]*=[ 	]*{' "$WIFI_CONFIG" || {
    wifi_config_is_wrong "$WIFI_SOURCE names no network" 'it needs network={ ssid="NAME" psk="PASSWORD" }'
    return 1
  }
  grep -q '^[ 	]*country[ 	]*=' "$WIFI_CONFIG" || wifi_country || return 1
  wifi_config_common
}

# wifi_text FILE: its lines with line ends of ours, without a byte order mark.
wifi_text() {
  wifi_ends=cat
  # A file without a single line feed has the line ends of old Macs.
  [ "$(tr -cd '\n' <"$1" | hexdump -n 1)" ] || wifi_ends="tr \r \n"
  $wifi_ends <"$1" | sed -e "1s/^$(printf '\357\273\277')//" -e "s/$(printf '\r')\$//"
}

# The name in hex, so that no byte of it means anything to the parser; a password can only lie in quotes, where every
# byte but a control character stands for itself up to the line's last quote.
wifi_config_from_cmdline() {
  wifi_ssid=$(percent_hex "$(value_get cmdline wifi.ssid)")
  [ "${#wifi_ssid}" -le $((2 * SSID_MAX_BYTES)) ] || {
    wifi_config_is_wrong "wifi.ssid from the kernel command line has more than $SSID_MAX_BYTES bytes" "correct it there"
    return 1
  }
  wifi_country && wifi_config_common || return 1
  {
    printf 'network={\n ssid=%s\n scan_ssid=1\n' "$wifi_ssid"
    wifi_config_key "$(value_get cmdline wifi.psk)"
    printf '}\n'
  } >>"$WIFI_CONFIG"
  [ -z "$WIFI_WRONG" ]
}

# wifi_config_key PSK: nothing for an open network, 64 hex digits for the key itself, else a password.
wifi_config_key() {
  case "$1" in
    '') printf ' key_mgmt=NONE\n' && return ;;
    *[!0-9A-Fa-f]*) ;;
    ????????????????????????????????????????????????????????????????)
      printf ' psk=%s\n key_mgmt=WPA-PSK WPA-PSK-SHA256\n ieee80211w=1\n' "$1" && return
      ;;
  esac
  wifi_psk=$(percent_hex "$1")
  wifi_psk_bytes=$((${#wifi_psk} / 2))
  if [ "$wifi_psk_bytes" -lt "$PASSPHRASE_BYTES_LEAST" ] || [ "$wifi_psk_bytes" -gt "$PASSPHRASE_BYTES_MOST" ]; then
    wifi_config_is_wrong "wifi.psk from the kernel command line has $wifi_psk_bytes bytes" \
      "a WiFi password has $PASSPHRASE_BYTES_LEAST to $PASSPHRASE_BYTES_MOST, a key 64 hexadecimal digits"
  elif hex_has_control "$wifi_psk"; then
    wifi_config_is_wrong "wifi.psk from the kernel command line has a control character" "correct it there"
  else
    printf ' psk="'
    printf '%s' "$wifi_psk" | hex_bytes
    printf '"\n key_mgmt=WPA-PSK WPA-PSK-SHA256 SAE\n ieee80211w=1\n'
  fi
}

# The country of the command line, unless a file has one of its own. Without one the driver keeps to what is allowed
# everywhere: no channels 12 and 13, little of 5 GHz.
wifi_country() {
  wifi_code=$(value_get cmdline wifi.country)
  case "$wifi_code" in
    '') ;;
    [A-Za-z][A-Za-z]) printf 'country=%s\n' "$(printf '%s' "$wifi_code" | tr a-z A-Z)" >>"$WIFI_CONFIG" ;;
    *)
      wifi_config_is_wrong "wifi.country=$wifi_code from the kernel command line is no country" "two letters, like GB or DE"
      return 1
      ;;
  esac
}

# sae_pwe=2: both ways of WPA3 to derive the key.
wifi_config_common() {
  printf 'ctrl_interface=%s\nsae_pwe=2\n' "$WIFI_SOCKETS" >>"$WIFI_CONFIG"
}

wifi_config_is_wrong() {
  WIFI_WRONG=1
  say network fail "$1" "$2"
}
