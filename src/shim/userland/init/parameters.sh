# Which disk: the kernel command line first, then the boot endpoint, then DHCP options 17 and 224. Each value keeps the
# name of its source, so that a wrong one is said with where to mend it.

DEFAULT_PORT=3260
# The boot endpoint holds its answer up to 25 s while nobody has chosen an image, but not before the screen says so.
QUESTION_TIMEOUT_SECONDS=40

parameters_get() {
  continued_parameters && return 0
  say_once parameters parameters start "asking which disk to boot from"
  values_clear endpoint
  parameters_from_endpoint || return 1
  values_from_dhcp
  parameters_check || return 1
  [ -z "$endpoint_problem" ] || say parameters progress "$endpoint_problem; another source names a disk" "$endpoint_fix"
  say parameters ok "$(parameter iscsi.target) at $(parameter iscsi.ip):$(parameter_port), from $(parameter_source iscsi.target)"
}

# Returns 1 when the endpoint answered and named no disk. One that is absent, silent or not needed is no failure:
# DHCP may know better.
parameters_from_endpoint() {
  endpoint_problem=
  [ -n "$SERVER" ] || return 0
  value_has cmdline iscsi.ip && value_has cmdline iscsi.target && return 0
  SEEN=
  while :; do
    if ! endpoint_ask >"$STATE/answer" 2>"$STATE/answer.error"; then
      endpoint_explain
      return 0
    fi
    values_clear endpoint
    values_from_lines endpoint <"$STATE/answer"
    clock_set "$(value_get endpoint clock)"
    orders_follow
    case "$(value_get endpoint state)" in
      ready) return 0 ;;
      waiting)
        SEEN=$(value_get endpoint message)
        endpoint_say_waiting
        sleep 1 # a server that does not hold its answer must not be flooded
        ;;
      refused)
        say parameters fail "the server refused: $(endpoint_words "no reason given")" "look at the server's page"
        return 1
        ;;
      *)
        say parameters fail "http://$SERVER is a web server, but not pinetboot's (its answer is none)" \
          "does pinetboot.server= name the right computer and port?"
        return 1
        ;;
    esac
  done
}

endpoint_ask() {
  wget -q -T "$QUESTION_TIMEOUT_SECONDS" -O - \
    "http://$SERVER/v1/parameters?serial=$SERIAL&mac=$MAC&boot=$BOOT_ID&model=$(url_encode "$MODEL")&seen=$(url_encode "$SEEN")"
}

# With where to choose, when that is what is waited for.
endpoint_say_waiting() {
  waiting_choice=$(one_line "$(value_get endpoint choose)")
  screen_choice "$waiting_choice"
  say_once waiting parameters progress "$(endpoint_words "waiting for a choice on the server")" \
    "${waiting_choice:+$waiting_choice - this Pi is $(machine_code)}"
}

endpoint_words() {
  words=$(value_get endpoint message)
  printf '%s' "${words:-$1}"
}

# parameter KEY: the value that counts.
parameter() {
  for parameter_from in cmdline endpoint dhcp; do
    value_has "$parameter_from" "$1" && value_get "$parameter_from" "$1" && return
  done
}

# parameter_source KEY: in words, where that value comes from.
parameter_source() {
  if value_has cmdline "$1"; then
    printf 'the kernel command line'
  elif value_has endpoint "$1"; then
    printf 'http://%s' "$SERVER"
  elif value_has dhcp "$1"; then
    printf 'the DHCP server %s' "$(lease_get serverid)"
  else
    printf 'nowhere'
  fi
}

parameter_port() {
  parameter_number=$(parameter iscsi.port)
  printf '%s' "${parameter_number:-$DEFAULT_PORT}"
}

parameters_check() {
  if [ -z "$(parameter iscsi.target)" ] || [ -z "$(parameter iscsi.ip)" ]; then
    parameters_say_none
    return 1
  fi
  parameter_is_made_of iscsi.ip '*[!0-9A-Za-z.:-]*' "an IP address or a host name" &&
    parameter_is_made_of iscsi.target '*[!0-9A-Za-z.:-]*' "an iSCSI name" &&
    parameter_is_number iscsi.port 1 65535 &&
    parameter_is_number iscsi.lun 0 16383 &&
    parameter_is_supported_mode &&
    parameter_is_switch usb.readonly
}

# The boot endpoint's trouble is the nearest cause; without an endpoint it is what DHCP did not say.
parameters_say_none() {
  if [ -n "$SERVER" ] && [ -n "$endpoint_problem" ]; then
    say parameters fail "nobody says which disk to boot from: $endpoint_problem" "$endpoint_fix"
    return
  fi
  none_from=$(lease_get serverid)
  say parameters fail \
    "nobody says which disk to boot from${none_from:+: the DHCP server $none_from gave an address, but no disk (option 17)}" \
    "start pinetboot serve, or set DHCP option 17 to iscsi:ADDRESS:::LUN:TARGET, or put iscsi.ip= and iscsi.target= into cmdline.txt"
}

# parameter_is_made_of KEY PATTERN_OF_WRONG_ONES WHAT
parameter_is_made_of() {
  case "$(parameter "$1")" in
    $2) parameter_is_wrong "$1" "$3" ;;
  esac
}

# parameter_is_number KEY LEAST MOST; an absent one is fine.
parameter_is_number() {
  number=$(parameter "$1")
  case "$number" in
    '') return 0 ;;
    *[!0-9]* | ??????*) ;;
    *) [ "$number" -ge "$2" ] && [ "$number" -le "$3" ] && return 0 ;;
  esac
  parameter_is_wrong "$1" "a number from $2 to $3"
}

parameter_is_supported_mode() {
  case "$(parameter iscsi.mode)" in
    '' | pivot | kexec | usb) ;;
    *) parameter_is_wrong iscsi.mode "a boot mode (pivot, kexec or usb)" ;;
  esac
}

# parameter_is_switch KEY: 1 or 0; an absent one is fine.
parameter_is_switch() {
  case "$(parameter "$1")" in
    '' | 0 | 1) ;;
    *) parameter_is_wrong "$1" "1 or 0" ;;
  esac
}

parameter_is_wrong() {
  say parameters fail "$1=$(parameter "$1") from $(parameter_source "$1") is not $2" "correct it there"
  return 1
}
