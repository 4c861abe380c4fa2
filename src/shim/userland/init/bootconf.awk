# Sets KEY to VALUE in the bootloader's settings (-v key= -v value=), in its place when it has one. Sections are those of
# config.txt: what stands before any, and in [all], holds always, and the last line of it counts.

function trimmed(text) {
  gsub(/^[ \t\r]+|[ \t\r]+$/, "", text)
  return text
}

BEGIN { always = 1 }

{
  line[NR] = $0
  word = trimmed($0)
  if (word ~ /^\[.*\]$/) {
    always = tolower(word) == "[all]"
  } else if (always && index($0, "=") && trimmed(substr($0, 1, index($0, "=") - 1)) == key) {
    place = NR
    was = trimmed(substr($0, index($0, "=") + 1))
  }
}

END {
  if (ask) {
    print was
    exit
  }
  for (i = 1; i <= NR; i++) print i == place ? key "=" value (line[i] ~ /\r$/ ? "\r" : "") : line[i]
  if (!place) {
    if (!always) print "[all]"
    print key "=" value
  }
}
