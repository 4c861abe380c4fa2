# The kernel's command line.

# Values that may hold any letter, and so may be percent-encoded there.
CMDLINE_TEXTS="iscsi.username iscsi.password iscsi.username_in iscsi.password_in"

cmdline_read() {
  values_clear cmdline
  awk -f "$LIB/cmdline.awk" "$PROC/cmdline" >"$STATE/cmdline"
  values_from_lines cmdline <"$STATE/cmdline"
  for cmdline_key in $CMDLINE_TEXTS; do
    value_has cmdline "$cmdline_key" || continue
    cmdline_text=$(value_get cmdline "$cmdline_key")
    percent_decode "$cmdline_text" >"$STATE/values/cmdline/$cmdline_key"
  done
}

# Words that look like ours and are not: a letter too many must not pass in silence.
cmdline_say_unknown() {
  cmdline_unknown=$(while IFS= read -r cmdline_line; do
    cmdline_key=${cmdline_line%%=*}
    case "$cmdline_key" in
      iscsi.* | wifi.*) values_known "$cmdline_key" || printf '%s ' "$cmdline_key" ;;
    esac
  done <"$STATE/cmdline")
  [ -z "$cmdline_unknown" ] || say_once unknown parameters progress \
    "the kernel command line has ${cmdline_unknown% }, which this shim does not know" \
    "it knows iscsi.ip port target lun mode initiator username password username_in password_in, and wifi.ssid psk country"
}
