# The help disk: what a computer at the USB port is shown while this Pi cannot start: what happened, what to do, and
# this Pi's own log. No secret is on it.

# The first failure may be a switch that was not ready yet; the second is one to tell.
HELP_AFTER_FAILURES=2
HELP_NAME="Help for this Raspberry Pi"

# help_after_failure STAGE: a stage of init's loop has failed.
help_after_failure() {
  HELP_STAGE=$1
  HELP_FAILURES=$((${HELP_FAILURES:-0} + 1))
  [ "$HELP_FAILURES" -lt "$HELP_AFTER_FAILURES" ] || help_disk_show
}

# help_waits STAGE: what was just said of it keeps it waiting.
help_waits() {
  HELP_STAGE=$1
  printf '%s\n' "$1" "$say_detail" "$say_fix" >"$STATE/failed"
  help_disk_show
}

# help_after_success STAGE: the stage that failed has been passed; those before it pass at each try.
help_after_success() {
  [ "$1" = "$HELP_STAGE" ] || return 0
  HELP_STAGE=
  HELP_FAILURES=0
  help_disk_remove
}

# Shows the latest failure. A disk that shows it already stays: a new one would close what a person just reads.
help_disk_show() {
  help_controller=$(gadget_controller) || return 0
  help_words=$(cat "$STATE/failed")
  [ "$help_words" != "$HELP_SHOWN" ] || return 0
  help_disk_write 2>"$STATE/help.error" &&
    gadget_offer "$STATE/help.img" 1 "$HELP_NAME" 2>>"$STATE/help.error" && HELP_SHOWN=$help_words
}

help_disk_remove() {
  [ -n "$HELP_SHOWN" ] || return 0
  gadget_remove
  rm -rf "$STATE/help" "$STATE/help.img"
  HELP_SHOWN=
}

help_disk_write() {
  mkdir -p "$STATE/help"
  help_readme | help_file README.txt
  help_without_secrets <"$STATE/log" | help_file log.txt
  dmesg | help_without_secrets | help_file kernel.txt
  gadget_remove # a host's reads of the disk before must end first
  helpdisk "$STATE/help.img" "$STATE/help/README.txt" "$STATE/help/log.txt" "$STATE/help/kernel.txt"
}

# Lines as Windows' Notepad of any age takes them.
help_file() {
  unix2dos >"$STATE/help/$1"
}

# The kernel repeats its command line, and that may hold a login: with quotes around a word, around a value, or none.
help_without_secrets() {
  help_secret='iscsi\.password[a-z_]*\|wifi\.psk'
  sed -e "s/\"\($help_secret\)=[^\"]*\"/\1=(not shown)/g" \
    -e "s/\($help_secret\)=\"[^\"]*\"/\1=(not shown)/g" \
    -e "s/\($help_secret\)=[^( ][^ ]*/\1=(not shown)/g"
}

help_readme() {
  {
    read -r help_stage
    read -r help_detail
    read -r help_fix
  } <"$STATE/failed"
  cat <<README
THIS RASPBERRY PI COULD NOT START

What happened:   $help_detail
What to do:      ${help_fix:-see below}

It tries again by itself, every few seconds. This disk goes away when it comes further,
and it shows the next problem should there be one. Nothing can be written to it.

$(help_steps "$help_stage")

THIS PI

$(help_row "Model" "$MODEL")
$(help_row "Serial number" "$SERIAL")
$(help_row "MAC address" "$(machine_any_mac)")
$(help_row "Network" "$(help_network)")
$(help_row "Address" "$ADDRESS")
$(help_row "DHCP server" "$(lease_get serverid)")
$(help_row "Router" "$(lease_get router)")
$(help_row "Option 17" "$(lease_get rootpath)")
$(help_row "Option 224" "$(hex_text "$(lease_get opt224)")")
$(help_row "pinetboot server" "$SERVER")
$(help_row "Kernel" "Linux $(uname -r)")

WHAT IT WAS TOLD ABOUT ITS DISK

$(help_parameters)

log.txt has what this Pi said on its screen, kernel.txt the kernel's own messages.
README
}

help_row() {
  printf '  %-18s %s' "$1" "${2:-(none)}"
}

help_network() {
  for help_interface in $(network_interfaces); do
    if network_has_link "$help_interface"; then
      printf '%s has link; ' "$help_interface"
    else
      printf '%s has no link; ' "$help_interface"
    fi
  done | sed 's/; $//'
}

# Every value with its source, a password only as known or not.
help_parameters() {
  help_any=
  for help_key in iscsi.ip iscsi.port iscsi.target iscsi.lun iscsi.mode usb.readonly iscsi.initiator iscsi.username \
    iscsi.password iscsi.username_in iscsi.password_in; do
    help_value=$(parameter "$help_key")
    [ -n "$help_value" ] || continue
    help_any=yes
    case "$help_key" in iscsi.password*) help_value="(known, not shown)" ;; esac
    help_row "$help_key" "$help_value"
    printf ', from %s\n' "$(parameter_source "$help_key")"
  done
  [ -n "$help_any" ] || printf '  Nothing yet.\n'
}
