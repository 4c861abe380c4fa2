# What the Pi says: one line on every serial console, the same on the boot screen, and as a report for the boot endpoint.

# How often a wait repeats its words.
WORDS_EVERY_SECONDS=15
# Waits look for their end this often: a boot has several of them in a row.
POLLS_PER_SECOND=5

# A Pi that waits for weeks must not fill its memory with what it said: twice so many lines at most.
SAY_KEPT_LINES=500

poll_pause() {
  sleep 0.2
}

# Every console that the kernel writes to; tty1, which is the screen, has the boot screen, or lines where that cannot be.
say_open_consoles() {
  CONSOLES=
  say_screen=tty1
  screen_open && say_screen=
  for name in $(cat "$SYS/class/tty/console/active" 2>/dev/null) $say_screen; do
    case "$name" in tty[0-9]*) name=$say_screen ;; esac
    case " $CONSOLES " in *" $DEV/$name "*) continue ;; esac
    [ -c "$DEV/$name" ] && CONSOLES="$CONSOLES $DEV/$name"
  done
  [ -n "$CONSOLES" ] || CONSOLES=$DEV/console
}

# say STAGE STATE DETAIL [FIX]: states are start, progress, ok, fail.
say() {
  say_detail=$(one_line "$3")
  say_fix=$(one_line "$4")
  say_line "stage=$1 state=$2 $say_detail${say_fix:+ - $say_fix}"
  screen_say "$1" "$2" "$say_detail" "$say_fix"
  say_keep "$1" "$2" "$say_detail" "$say_fix"
  report "$1" "$2" "$say_detail" "$say_fix"
}

say_line() {
  for console in $CONSOLES; do
    printf '[pinetboot] %s\n' "$1" >>"$console" 2>/dev/null || : # a console that went away must not stop the boot
  done
}

# Keeps what was said, for the help disk: $STATE/log with seconds since the start, and the latest failure.
say_keep() {
  say_uptime=
  read -r say_uptime _ 2>/dev/null <"$PROC/uptime"
  printf '%8s %s %s: %s%s\n' "$say_uptime" "$1" "$2" "$3" "${4:+ - $4}" >>"$STATE/log"
  [ "$2" != fail ] || printf '%s\n' "$1" "$3" "$4" >"$STATE/failed"
  say_kept=$((${say_kept:-0} + 1))
  [ $((say_kept % SAY_KEPT_LINES)) != 0 ] || say_forget
}

say_forget() {
  tail -n "$SAY_KEPT_LINES" "$STATE/log" >"$STATE/log.new" && mv "$STATE/log.new" "$STATE/log"
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

# Says when the next try is, and counts down on the screen, so that nobody takes a waiting Pi for a dead one.
retry_after_failure() {
  say_line "trying again in $1 s"
  retry_left=$1
  while [ "$retry_left" -gt 0 ]; do
    screen_draw "$retry_left"
    sleep 1
    retry_left=$((retry_left - 1))
  done
  screen_draw
}
