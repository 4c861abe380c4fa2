# Which disk: the kernel command line first, then the boot endpoint, then DHCP options 17 and 224. Each value keeps the
# name of its source, so that a wrong one is said with where to mend it.

DEFAULT_PORT=3260
# The boot endpoint holds its answer up to 25 s while nobody has chosen an image, but not before the screen says so.
QUESTION_TIMEOUT_SECONDS=40

parameters_get() {
  continued_parameters && return 0
  say_once parameters parameters start "asking which disk to boot from"
  cmdline_say_unknown
  values_clear endpoint
  values_from_dhcp
  server_find || return 1
  parameters_from_endpoint || return 1
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
        parameters_seen=$(value_get endpoint message)
        endpoint_say_waiting
        server_take_other
        case $? in
          0) SEEN= ;;
          # Nobody may hold an answer while another one is to be asked.
          2) SEEN= && sleep "$SERVER_ROUND_SECONDS" ;;
          *) SEEN=$parameters_seen && sleep 1 ;; # a server that does not hold its answer must not be flooded
        esac
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
  parameter_decimal "${parameter_number:-$DEFAULT_PORT}"
}

# The LUN in decimal, as the kernel names it; nothing when none is wanted.
parameter_lun() {
  parameter_decimal "$(parameter iscsi.lun)"
}

# parameter_decimal NUMBER: 0x1f becomes 31, 010 stays ten; what is no number stays as it is.
parameter_decimal() {
  case "$1" in
    0[xX]*[0-9A-Fa-f]) case "${1#??}" in *[!0-9A-Fa-f]* | ?????*) printf '%s' "$1" ;; *) printf '%d' "$1" ;; esac ;;
    0*[0-9]) case "$1" in *[!0-9]*) printf '%s' "$1" ;; *) printf '%s' "$1" | sed 's/^0*\([0-9]\)/\1/' ;; esac ;;
    *) printf '%s' "$1" ;;
  esac
}

parameters_check() {
  if [ -z "$(parameter iscsi.target)" ] || [ -z "$(parameter iscsi.ip)" ]; then
    parameters_say_none
    return 1
  fi
  parameter_is_made_of iscsi.ip '*[!0-9A-Za-z.:_-]*' "an IP address or a host name" &&
    parameter_is_address iscsi.ip &&
    parameter_is_made_of iscsi.target '*[!0-9A-Za-z.:_-]*' "an iSCSI name" &&
    parameter_is_made_of iscsi.initiator '*[!0-9A-Za-z.:_-]*' "an iSCSI name" &&
    parameter_is_number iscsi.port 1 65535 &&
    parameter_is_number iscsi.lun 0 16383 &&
    parameters_are_logins &&
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

# parameter_is_address KEY: what looks like an address must be one, a host name is left to the DNS.
parameter_is_address() {
  address_text=$(parameter "$1")
  case "$address_text" in
    *:*)
      case "$address_text" in *[!0-9A-Fa-f:.]* | *:::* | *::*::*) ;; *:*:*) return 0 ;; esac
      ;;
    *[!0-9.]*) return 0 ;;
    *) printf '%s\n' "$address_text" |
      awk -F. '{ for (i = 1; i <= NF; i++) if ($i !~ /^[0-9][0-9]?[0-9]?$/ || $i > 255) exit 1; exit NF != 4 }' && return 0 ;;
  esac
  parameter_is_wrong "$1" "an IP address or a host name"
}

# A name goes with its secret, and the target proves itself only to somebody who proves himself.
parameters_are_logins() {
  for login_key in iscsi.username iscsi.password iscsi.username_in iscsi.password_in; do
    parameter_is_text "$login_key" || return 1
  done
  parameter_needs iscsi.username iscsi.password && parameter_needs iscsi.password iscsi.username &&
    parameter_needs iscsi.username_in iscsi.password_in && parameter_needs iscsi.password_in iscsi.username_in &&
    parameter_needs iscsi.username_in iscsi.username
}

# parameter_needs KEY OTHER: where there is one, there must be the other.
parameter_needs() {
  [ -z "$(parameter "$1")" ] || [ -n "$(parameter "$2")" ] || {
    say parameters fail "$1 is given by $(parameter_source "$1"), but no $2" "add $2 there, or take $1 away"
    return 1
  }
}

# open-iscsi's own limit of a CHAP name or secret.
LOGIN_TEXT_MAX_BYTES=255

# parameter_is_text KEY: no control characters, and not too long. The value may be a secret and is not shown.
parameter_is_text() {
  text_hex=$(parameter "$1" | hexdump -ve '1/1 "%02x"')
  if hex_has_control "$text_hex"; then
    text_problem="has a control character"
  elif [ "${#text_hex}" -gt $((2 * LOGIN_TEXT_MAX_BYTES)) ]; then
    text_problem="has more than $LOGIN_TEXT_MAX_BYTES bytes"
  else
    return 0
  fi
  say parameters fail "$1 from $(parameter_source "$1") $text_problem" "correct it there"
  return 1
}

# parameter_is_made_of KEY PATTERN_OF_WRONG_ONES WHAT
parameter_is_made_of() {
  case "$(parameter "$1")" in
    $2) parameter_is_wrong "$1" "$3" ;;
  esac
}

# parameter_is_number KEY LEAST MOST; an absent one is fine, 0x and hexadecimal digits are a number too.
parameter_is_number() {
  number=$(parameter "$1")
  case "$number" in
    '') return 0 ;;
    0[xX][0-9A-Fa-f] | 0[xX][0-9A-Fa-f][0-9A-Fa-f] | 0[xX][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f] | \
      0[xX][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f])
      [ $((number)) -ge "$2" ] && [ $((number)) -le "$3" ] && return 0
      ;;
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
