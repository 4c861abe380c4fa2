# The wireless network, for a Pi without a wired one, in a shim that has the drivers. wpa_supplicant lives in the tmpfs
# that outlives switch_root, as the DHCP client and iscsid do: the root disk hangs on it.

WIFI_SUPPLICANT=/sbin/wpa_supplicant
# Inside the tmpfs, where wpa_supplicant sees them.
WIFI_SOCKETS=/run/wpa
WIFI_LOG=/run/wpa.log
# Of every Pi with a radio.
WIFI_DRIVER=brcmfmac
# The chip starts from firmware that the driver sends it: 1 to 2 s on a Pi.
WIFI_ADAPTER_PATIENCE_SECONDS=10
WIFI_PATIENCE_SECONDS=30
# Names of networks that are told when the wanted one is missing.
WIFI_NAMES_SHOWN=8

wifi_is_built_in() {
  [ -x "$WIFI_SUPPLICANT" ]
}

# Whether it is worth trying: the drivers are here, and somebody says which network.
wifi_is_wanted() {
  wifi_is_built_in || return 1
  wifi_configure || [ -n "$WIFI_WRONG" ]
}

# Brings INTERFACE up, connected to the network of WIFI_CONFIG. Returns 1 after having said why not.
wifi_up() {
  [ -z "$WIFI_WRONG" ] || return 1
  say network progress "no wired link: trying WiFi as $WIFI_SOURCE says"
  wifi_adapter || return 1
  wifi_stop
  ip link set "$INTERFACE" up 2>/dev/null || : # wpa_supplicant does it too, and has the words when it fails
  rm -rf "${KEEP:?}$WIFI_SOCKETS"
  (umask 077 && : >"$KEEP$WIFI_LOG")
  keep_start "$WIFI_LOG" @wpa_supplicant /sbin/wpa_supplicant -i "$INTERFACE" -D nl80211 -c /etc/wpa_supplicant.conf
  WIFI_PROCESS=$KEPT
  wifi_since=$(wifi_seconds)
  until wifi_is_connected; do
    if ! kill -0 "$WIFI_PROCESS" 2>/dev/null; then
      wifi_say_ended
    elif wifi_key_is_wrong; then
      wifi_say_wrong_key
    elif [ $(($(wifi_seconds) - wifi_since)) -ge "$WIFI_PATIENCE_SECONDS" ]; then
      wifi_say_no_connection
    else
      poll_pause
      continue
    fi
    wifi_stop
    return 1
  done
  # From now on it lives for the root disk, and a log of months has no place in memory.
  wifi_ask LOG_LEVEL ERROR >/dev/null
  say network progress "connected to the WiFi network $(wifi_name "$(wifi_status ssid)")"
}

# By the clock: a look at wpa_supplicant takes its time too.
wifi_seconds() {
  cut -d. -f1 "$PROC/uptime"
}

wifi_stop() {
  [ -z "$WIFI_PROCESS" ] || kill "$WIFI_PROCESS" 2>/dev/null
  WIFI_PROCESS=
}

# Sets INTERFACE to the first adapter; loads the driver when there is none yet.
wifi_adapter() {
  wifi_adapter_polls=0
  while :; do
    INTERFACE=$(wifi_interface) && return 0
    [ "$wifi_adapter_polls" != 0 ] || modprobe "$WIFI_DRIVER" 2>"$STATE/modprobe.error" || :
    wifi_adapter_polls=$((wifi_adapter_polls + 1))
    [ $((wifi_adapter_polls / POLLS_PER_SECOND)) -lt "$WIFI_ADAPTER_PATIENCE_SECONDS" ] || break
    poll_pause
  done
  wifi_missing=$(dmesg | sed -n 's/.*firmware load for \(brcm[^ ]*\.bin\) failed.*/\1/p' | tail -n 1)
  if [ -n "$wifi_missing" ]; then
    say network fail "the WiFi chip of this Pi wants the firmware $wifi_missing, which this shim does not have" \
      "use a cable, or build the shim with it"
  else
    say network fail "no WiFi adapter has appeared$(wifi_driver_words)" "use a cable, or a Pi whose radio works"
  fi
  return 1
}

wifi_driver_words() {
  [ ! -s "$STATE/modprobe.error" ] || printf ' (%s)' "$(tail -n 1 "$STATE/modprobe.error")"
}

wifi_interface() {
  for wifi_path in "$SYS"/class/net/*; do
    [ -e "$wifi_path/phy80211" ] && [ "$(cat "$wifi_path/type")" = 1 ] && printf '%s' "${wifi_path##*/}" && return 0
  done
  return 1
}

# wifi_ask COMMAND [WORD]: of the running wpa_supplicant.
wifi_ask() {
  wpa-ask "$KEEP" "$WIFI_SOCKETS/$INTERFACE" "$*" 2>/dev/null
}

# wifi_status KEY: a line of its state.
wifi_status() {
  wifi_ask STATUS | sed -n "s/^$1=//p" | head -n 1
}

# wifi_name TEXT: names of networks as people wrote them; wpa_supplicant tells letters beyond ASCII as \xNN, and \".
wifi_name() {
  printf '%b' "$(printf '%s' "$1" | sed 's/\\"/"/g')"
}

wifi_is_connected() {
  [ -e "$KEEP$WIFI_SOCKETS/$INTERFACE" ] && [ "$(wifi_status wpa_state)" = COMPLETED ]
}

# Names of all networks that are wanted, for people.
wifi_wanted_names() {
  wifi_name "$(wifi_ask LIST_NETWORKS | awk -F '\t' 'NR > 1 { printf "%s%s", comma, $2; comma = ", " }')"
}

# The access point says nothing about a wrong password but that the handshake fails: with WPA2 wpa_supplicant draws the
# conclusion itself, a chip that does the handshake alone leaves with reason 15 or 2, WPA3 ends at its second message.
wifi_key_is_wrong() {
  grep -q -e 'reason=WRONG_KEY' -e 'CTRL-EVENT-DISCONNECTED.* reason=15 ' -e 'SAE.*[Cc]onfirm.*mismatch' \
    -e 'CTRL-EVENT-SSID-TEMP-DISABLED.*reason=CONN_FAILED' -e 'CTRL-EVENT-AUTH-REJECT.*auth_type=3.*status_code=\(1\|15\)' \
    "$KEEP$WIFI_LOG"
}

wifi_say_wrong_key() {
  say network fail "the WiFi network $(wifi_wanted_names) does not take the password" "correct it in $WIFI_SOURCE"
}

wifi_say_no_connection() {
  wifi_names=$(wifi_wanted_names)
  if grep -q -e 'Trying to a' -e 'CTRL-EVENT-ASSOC' "$KEEP$WIFI_LOG"; then
    say network fail "no connection to the WiFi network $wifi_names in $WIFI_PATIENCE_SECONDS s ($(wifi_last_words))" \
      "is the access point near, and does it take new devices?"
  else
    say network fail "no WiFi network $wifi_names is here; seen: $(wifi_seen_names)" "correct the name in $WIFI_SOURCE$(wifi_country_words)"
  fi
}

wifi_seen_names() {
  wifi_seen=$(wifi_ask SCAN_RESULTS | awk -F '\t' -v most="$WIFI_NAMES_SHOWN" \
    'NR > 1 && $5 != "" && !seen[$5]++ && count++ < most { printf "%s%s", comma, $5; comma = ", " }')
  wifi_name "${wifi_seen:-none}"
}

wifi_country_words() {
  grep -q '^[ 	]*country[ 	]*=' "$WIFI_CONFIG" ||
    printf ', and give the country (wifi.country=GB): without it some channels are not heard'
}

wifi_last_words() {
  tail -n 1 "$KEEP$WIFI_LOG" | sed "s/^$INTERFACE: //"
}

# wpa_supplicant ends at once when it cannot read its file: it says the line, and sometimes the password, which is cut.
wifi_say_ended() {
  wifi_line=$(sed -n "/^Line [0-9]/{s/'.*//;s/\"\\(.*\\)\"/.../;p;q}" "$KEEP$WIFI_LOG")
  if [ -n "$wifi_line" ]; then
    say network fail "$WIFI_SOURCE cannot be used: $wifi_line" "this shim knows WPA2 and WPA3 with a password, and open networks"
  else
    say network fail "wpa_supplicant ended: $(wifi_last_words)" "its words before that: $(tail -n 3 "$KEEP$WIFI_LOG" | head -n 2)"
  fi
}
