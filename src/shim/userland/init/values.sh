# Parameters as files, $STATE/values/SOURCE/KEY: any byte survives but NUL and line ends, and nothing is ever evaluated.

# value_put SOURCE KEY VALUE
value_put() {
  mkdir -p "$STATE/values/$1"
  printf '%s' "$3" >"$STATE/values/$1/$2"
}

# value_get SOURCE KEY: prints it; nothing when it is not there.
value_get() {
  [ -f "$STATE/values/$1/$2" ] && cat "$STATE/values/$1/$2"
}

# value_has SOURCE KEY
value_has() {
  [ -s "$STATE/values/$1/$2" ]
}

values_clear() {
  rm -rf "$STATE/values/$1"
}

# values_from_lines SOURCE: reads key=value lines, keeps the keys that the shim knows.
values_from_lines() {
  while IFS= read -r values_line || [ -n "$values_line" ]; do
    values_key=${values_line%%=*}
    values_known "$values_key" && [ "$values_key" != "$values_line" ] &&
      value_put "$1" "$values_key" "${values_line#*=}"
  done
  return 0
}

values_known() {
  case "$1" in
    iscsi.ip | iscsi.port | iscsi.target | iscsi.lun | iscsi.mode) ;;
    usb.readonly) ;;
    iscsi.fallback) ;;
    iscsi.initiator | iscsi.username | iscsi.password | iscsi.username_in | iscsi.password_in) ;;
    wifi.ssid | wifi.psk | wifi.country) ;;
    pinetboot.server | pinetboot.others | pinetboot.eeprom | ip | init | root | ro | rw | rootfstype | rootflags) ;;
    state | clock | server | message | choose | image | do) ;;
    *) return 1 ;;
  esac
}
