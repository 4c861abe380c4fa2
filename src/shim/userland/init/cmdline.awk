# Splits a kernel command line into key=value lines as the kernel does: blanks separate, double quotes hold blanks
# together and are dropped around the value or the whole word. A word without = becomes word=1.
{
  word = ""; quoted = 0
  for (at = 1; at <= length($0) + 1; at++) {
    letter = substr($0, at, 1)
    if (letter == "\"") quoted = !quoted
    if (letter == "" || (!quoted && (letter == " " || letter == "\t"))) {
      emit(word)
      word = ""
    } else word = word letter
  }
}
function emit(word,    equals, key, value) {
  if (word == "") return
  if (word ~ /^".*"$/) word = substr(word, 2, length(word) - 2)
  equals = index(word, "=")
  key = equals ? substr(word, 1, equals - 1) : word
  value = equals ? substr(word, equals + 1) : "1"
  if (value ~ /^".*"$/) value = substr(value, 2, length(value) - 2)
  print key "=" value
}
