# Which modules of a kernel a boot needs, each after those that it depends on.
#
#   awk -f kexec-modules.awk wanted modules.builtin modules.dep modules.alias
#
# "wanted" has lines "need NAME", "maybe NAME", "compatible STRING" (of the device tree) and "alias MODALIAS" (of a
# device). Prints paths below the folder of modules, and "missing NAME" for what is needed and not there.

BEGIN {
  # What a root over the network can need of a board: sound, video, radio and the like would only take time.
  boot_drivers = "/drivers/(net/(ethernet|phy|mdio|usb|pcs)/|net/[^/]*$|usb/|pci/|phy/|clk/|reset/|regulator/|pinctrl/|gpio/|mailbox/|firmware/|soc/|bus/|irqchip/|dma/|mfd/|nvmem/|virtio/|base/|misc/rp1)"
}

function name_of(path) {
  sub(/.*\//, "", path)
  sub(/\.ko.*$/, "", path)
  gsub(/-/, "_", path)
  return path
}

FILENAME ~ /wanted$/ {
  if ($1 == "compatible") compatible[$2] = 1
  else if ($1 == "alias") { aliases++; device[aliases] = $2; bus = $2; sub(/:.*/, "", bus); has_bus[bus] = 1 }
  else { gsub(/-/, "_", $2); order[++wanted] = $2; if ($1 == "need") needed[$2] = 1 }
  next
}
FILENAME ~ /builtin$/ { builtin[name_of($1)] = 1; next }
FILENAME ~ /dep$/ {
  path = $1
  sub(/:$/, "", path)
  name = name_of(path)
  paths[name] = path
  $1 = ""
  depends[name] = $0
  next
}
FILENAME ~ /alias$/ && $1 == "alias" {
  if (substr($2, 1, 8) == "of:N*T*C") {
    text = substr($2, 9)
    sub(/C\*$/, "", text)
    if (text in compatible) by_device($3)
    next
  }
  bus = $2
  sub(/:.*/, "", bus)
  if (!(bus in has_bus)) next
  literal = $2
  sub(/[*?\[].*/, "", literal)
  for (i = 1; i <= aliases; i++)
    if (index(device[i], literal) == 1 && device[i] ~ regular($2)) { by_device($3); break }
}
END {
  for (i = 1; i <= wanted; i++) {
    if (order[i] in paths) load(order[i])
    else if ((order[i] in needed) && !(order[i] in builtin)) print "missing " order[i]
  }
  # Buses first or last makes no difference: a driver waits for its device, and a device for its driver.
  for (name in found) load(name)
}

function by_device(name) {
  gsub(/-/, "_", name)
  if ((name in paths) && ("/" paths[name]) ~ boot_drivers) found[name] = 1
}

# A pattern of modules.alias as a regular expression.
function regular(pattern) {
  gsub(/[.+(){}^$|\\]/, "\\\\&", pattern)
  gsub(/\*/, ".*", pattern)
  gsub(/\?/, ".", pattern)
  return "^" pattern "$"
}

function load(name,    list, count, j) {
  if (name in loaded) return
  loaded[name] = 1
  count = split(depends[name], list, " ")
  for (j = count; j >= 1; j--) load(name_of(list[j]))
  print paths[name]
}
