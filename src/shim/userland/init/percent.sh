# Percent encoding on the kernel's command line: %20 is a blank, %22 a quote, %25 a percent sign, and so every byte has a
# form that survives config tools and the kernel's own splitting. A % that no two hex digits follow stands for itself.

# percent_hex TEXT: the bytes that it means, in hex.
percent_hex() {
  printf '%s' "$1" | hexdump -ve '1/1 "%02x"' | awk '
    function digit(pair) {
      if (pair ~ /^3[0-9]$/) return substr(pair, 2, 1)
      if (pair ~ /^[46][1-6]$/) return substr("abcdef", substr(pair, 2, 1), 1)
      return ""
    }
    {
      for (at = 1; at < length($0); at += 2) {
        high = digit(substr($0, at + 2, 2)); low = digit(substr($0, at + 4, 2))
        if (substr($0, at, 2) == "25" && high != "" && low != "") { printf "%s%s", high, low; at += 4 }
        else printf "%s", substr($0, at, 2)
      }
    }'
}

# hex_bytes: hex on standard input, the bytes on standard output.
hex_bytes() {
  sed 's/../\\x&/g' | xargs -0 printf '%b'
}

# percent_decode TEXT: the bytes themselves.
percent_decode() {
  percent_hex "$1" | hex_bytes
}

# hex_has_control HEX: whether a byte of it is a control character, which no password or name may hold.
hex_has_control() {
  printf '%s' "$1" | fold -w 2 | grep -q '^\([01].\|7f\)$'
}
