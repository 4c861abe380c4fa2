# What the Pi says: one line on every console, and the same as a report for the boot endpoint.

# How often a wait repeats its words.
WORDS_EVERY_SECONDS=15
# Waits look for their end this often: a boot has several of them in a row.
POLLS_PER_SECOND=5

poll_pause() {
  sleep 0.2
}

# Every console that the kernel writes to, and the screen (tty1) even when no console= names it.
say_open_consoles() {
  CONSOLES=
  for name in $(cat "$SYS/class/tty/console/active" 2>/dev/null) tty1; do
    [ "$name" = tty0 ] && name=tty1
    case " $CONSOLES " in *" $DEV/$name "*) continue ;; esac
    [ -c "$DEV/$name" ] && CONSOLES="$CONSOLES $DEV/$name"
  done
  [ -n "$CONSOLES" ] || CONSOLES=$DEV/console
}

# say STAGE STATE DETAIL [FIX]: states are start, progress, ok, fail.
say() {
  say_detail=$(one_line "$3")
  say_fix=$(one_line "$4")
  for console in $CONSOLES; do
    printf '[pinetboot] stage=%s state=%s %s%s\n' "$1" "$2" "$say_detail" "${say_fix:+ - $say_fix}" \
      >>"$console" 2>/dev/null || : # a console that went away must not stop the boot
  done
  report "$1" "$2" "$say_detail" "$say_fix"
}

# say_once KEY STAGE STATE DETAIL [FIX]: says it, unless the last thing said under KEY was the same.
say_once() {
  once_file=$STATE/said/$1
  shift
  once_words="$*"
  [ "$(cat "$once_file" 2>/dev/null)" = "$once_words" ] && return
  mkdir -p "$STATE/said"
  printf '%s' "$once_words" >"$once_file"
  say "$@"
}

# Text from outside (a server's message, a program's error) without bytes that would move a console's cursor.
one_line() {
  printf '%s' "$1" | tr '\n\t' '  ' | tr -d '\000-\037\177'
}

# Counts down on the consoles, so that nobody takes a waiting Pi for a dead one.
retry_after_failure() {
  retry_left=$1
  while [ "$retry_left" -gt 0 ]; do
    for console in $CONSOLES; do
      printf '\r[pinetboot] trying again in %2d s ' "$retry_left" >>"$console" 2>/dev/null || :
    done
    sleep 1
    retry_left=$((retry_left - 1))
  done
  for console in $CONSOLES; do printf '\n' >>"$console" 2>/dev/null || :; done
}
