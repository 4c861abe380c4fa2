# Reads the config.txt of a boot partition as the firmware of one board does, files that it includes too.
#
#   awk -f config-txt.awk -v dir=FOLDER -v models="pi4 pi400" -v type=13 -v serial=10000000abcdef01 config.txt
#
# Prints, in the file's order, what the next kernel needs: "set KEY VALUE", the last of a key counts; "overlay ..." and
# "param ..." as kexec-tree takes them; "unread FILTER" for a filter that only the firmware can answer.

BEGIN {
  # More than one inside the other is rare; a circle must end.
  INCLUDE_DEPTH_MAX = 8
  split("kernel cmdline arm_64bit os_prefix overlay_prefix device_tree ramfsfile auto_initramfs upstream_kernel enable_uart", list, " ")
  for (i in list) known[list[i]] = 1
  split(models, list, " ")
  for (i in list) is_model[list[i]] = 1
  reset_filters()
  read_file(ARGV[1], 1)
  exit
}

function read_file(name, depth,    line, path) {
  path = dir "/" name
  # awk has one place in each file: a file that includes itself would be read on, not anew.
  if (depth > INCLUDE_DEPTH_MAX || (path in is_open)) return
  is_open[path] = 1
  while ((getline line < path) > 0) {
    gsub(/^\357\273\277|[\r\t ]+$|^[\t ]+/, "", line)
    if (line ~ /^include[\t ]/) {
      if (passes()) read_file(value_after(line), depth + 1)
    } else if (line ~ /^\[.*\]$/) filter(substr(line, 2, length(line) - 2))
    else if (line != "" && line !~ /^#/ && passes()) setting(line)
  }
  close(path)
  delete is_open[path]
}

# Filters of one kind replace each other, those of different kinds hold together.
function reset_filters() {
  model_passes = serial_passes = other_passes = 1
}

function passes() {
  return model_passes && serial_passes && other_passes
}

function filter(name) {
  if (name == "all") reset_filters()
  else if (name == "none") model_passes = 0
  else if (name ~ /^(pi|cm)[0-9]/) model_passes = (name in is_model)
  else if (name ~ /^board-type=/) model_passes = (hex_digits(substr(name, 12)) == hex_digits(type))
  else if (name ~ /^0x[0-9a-fA-F]+$/) serial_passes = (hex_digits(name) == hex_digits(substr(serial, length(serial) - 7)))
  else if (name ~ /^(boot_)?partition=/) other_passes = (name ~ /=1$/)
  else if (name ~ /^HDMI:/) return
  else {
    if (name != "tryboot") print "unread " name
    other_passes = 0
  }
}

# Without 0x, in lower case, without leading zeros.
function hex_digits(text) {
  text = tolower(text)
  sub(/^(0x)?0*/, "", text)
  return text
}

function value_after(line) {
  sub(/^[^\t =]+[\t =]+/, "", line)
  return line
}

function setting(line,    equals, key, value, words) {
  if (line ~ /^initramfs[\t =]/) {
    split(value_after(line), words, /[\t ]+/)
    print "set ramfsfile " words[1]
    return
  }
  equals = index(line, "=")
  if (!equals) return
  key = substr(line, 1, equals - 1)
  value = substr(line, equals + 1)
  gsub(/[\t ]+$/, "", key)
  gsub(/^[\t ]+/, "", value)
  if (key == "dtoverlay" || key == "device_tree_overlay") print "overlay " value
  else if (key == "dtparam" || key == "device_tree_param") print "param " value
  else if (key in known) print "set " key " " value
}
