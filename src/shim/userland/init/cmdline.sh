# The kernel's command line.

cmdline_read() {
  values_clear cmdline
  awk -f "$LIB/cmdline.awk" "$PROC/cmdline" >"$STATE/cmdline"
  values_from_lines cmdline <"$STATE/cmdline"
}
