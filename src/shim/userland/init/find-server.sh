# Which boot endpoint: pinetboot.server= on the kernel command line (what came by TFTP has it there), else option 43 of
# the DHCP lease, else whoever answers a question to everybody on the network. A disk that the command line or DHCP
# option 17 names needs no server, and none is looked for then.

SERVER_DEFAULT_PORT=8069
# Between two rounds of asking several servers that have nothing for this Pi yet.
SERVER_ROUND_SECONDS=2

# The server of the command line, as it was written; whether it can be one is said when it is needed.
server_from_cmdline() {
  SERVER=$(value_get cmdline pinetboot.server)
  ! server_is_sound "$SERVER" || server_add_port
}

server_add_port() {
  case "$SERVER" in '' | *:*) ;; *) SERVER=$SERVER:$SERVER_DEFAULT_PORT ;; esac
}

# Sets SERVER to HOST:PORT, or to nothing. Returns 1 when what is given cannot be one.
server_find() {
  server_before=$SERVER
  SERVER=$(value_get cmdline pinetboot.server)
  server_source="the kernel command line"
  if [ -z "$SERVER" ]; then
    SERVER=$(server_of_lease)
    server_source="DHCP option 43 from $(lease_get serverid)"
  fi
  if [ -n "$SERVER" ]; then
    server_is_sound "$SERVER" || {
      say parameters fail "pinetboot.server=$SERVER from $server_source is neither HOST nor HOST:PORT" "correct it there"
      return 1
    }
    server_add_port
  elif [ -z "$(parameter iscsi.ip)" ] || [ -z "$(parameter iscsi.target)" ]; then
    server_ask_everybody
  fi
  [ "$SERVER" = "$server_before" ] || server_changed
}

# Reports, the kernel's log and what the EEPROM holds go to SERVER from here on.
server_changed() {
  report_server_changed
  report_start
  EEPROM_REPORTED=
  eeprom_report
  [ -z "$CONSOLE_SENDER" ] || kill "$CONSOLE_SENDER" 2>/dev/null || :
  CONSOLE_SENDER=
  console_start
}

server_is_sound() {
  case "$1" in
    *[!0-9A-Za-z.:_-]* | *:*:* | :* | *: | *:*[!0-9]* | *:??????*) return 1 ;;
  esac
}

# Part 1 of option 43, which udhcpc gives in hex: 01 LENGTH TEXT among parts of that form.
server_of_lease() {
  lease_get vendor43 | awk '
    function value(at) { return 16 * index("123456789abcdef", substr($0, at, 1)) + index("123456789abcdef", substr($0, at + 1, 1)) }
    {
      $0 = tolower($0)
      for (at = 1; at + 3 < length($0); at += 4 + 2 * value(at + 2))
        if (substr($0, at, 2) == "01") { printf "%s", substr($0, at + 4, 2 * value(at + 2)); exit }
    }' | hex_bytes | tr -d '\000-\037\177'
}

# With several servers the one that has a disk for this Pi is taken; while none has, all of them are named.
server_ask_everybody() {
  say_once find parameters progress "looking for a pinetboot server on this network"
  while :; do
    servers=$(find-servers "$INTERFACE" "$SERIAL" 2>"$STATE/find.error")
    [ -n "$servers" ] || return 0
    SERVER=${servers%% *}
    case "$servers" in
      *"
"*) server_choose && return 0 ;;
      *) return 0 ;;
    esac
    sleep "$SERVER_ROUND_SECONDS"
  done
}

# Returns 1 when all of several servers wait for a choice.
server_choose() {
  server_waiting=
  server_names=
  server_first=$SERVER
  while read -r SERVER server_name; do
    [ "$server_name" != - ] || server_name=$SERVER
    SEEN=
    endpoint_ask >"$STATE/answer" 2>"$STATE/answer.error" || continue
    values_clear endpoint
    values_from_lines endpoint <"$STATE/answer"
    case "$(value_get endpoint state)" in
      ready) return 0 ;;
      waiting)
        orders_follow
        server_waiting=$SERVER
        server_names="$server_names${server_names:+, }$server_name (${SERVER%:*})"
        ;;
    esac
  done <<SERVERS
$servers
SERVERS
  case "$server_names" in
    '') SERVER=$server_first ;;        # nobody has anything: the first one's words are as good as any
    *', '*)
      SERVER=
      say_once choose parameters progress "several pinetboot servers are here: $server_names" \
        "assign an image to this Pi on one of them"
      return 1
      ;;
    *) SERVER=$server_waiting ;;
  esac
}

# While the server that this Pi was loaded from (pinetboot.others=1, which no card says) waits for a choice: of two
# servers on one network it was only the one that the firmware heard first. Returns 0 when SERVER, another one now, has a
# disk for this Pi; 2 while several wait and are to be asked in turn; 1 when nobody else is here.
server_take_other() {
  value_has cmdline pinetboot.others || return 1
  other_own=$SERVER
  find-servers "$INTERFACE" "$SERIAL" >"$STATE/others" 2>"$STATE/find.error"
  grep -q -v "^$other_own " "$STATE/others" || return 1
  servers="$(grep "^$other_own " "$STATE/others" || printf '%s -' "$other_own")
$(grep -v "^$other_own " "$STATE/others")"
  other_result=1
  if ! server_choose; then
    other_result=2
  elif [ "$(value_get endpoint state)" = ready ]; then
    other_result=0
    [ "$SERVER" = "$other_own" ] || server_go_on_at_other
    other_own=$SERVER
  fi
  SERVER=$other_own
  return "$other_result"
}

server_go_on_at_other() {
  other_found=$SERVER
  SERVER=$other_own
  say parameters progress "http://$other_found has a disk for this Pi; http://$other_own, which started it, has none: going on at the first"
  report_finish "$REPORT_PATIENCE_SECONDS"
  SERVER=$other_found
  server_changed
}
