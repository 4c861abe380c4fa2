# The boot screen on the console of the framebuffer (HDMI): drawn anew by screen.awk whenever something is said, its
# last lines left to the kernel's own messages. What it shows lies in $STATE/screen, since background processes speak too.

SCREEN_TTY=tty1
# A page of 80 x 30 is what 640 x 480 dots have; a larger screen gets larger letters, not a corner full of small ones.
SCREEN_COLUMNS_WANTED=80
SCREEN_ROWS_WANTED=30
# Below this even the stages have no room, and plain lines are better.
SCREEN_COLUMNS_LEAST=60
SCREEN_ROWS_LEAST=24
# Warnings and errors of the kernel are shown below the boot screen; the rest is in its log. Each line of the kernel's costs
# a scroll by hand, a moment on a large screen.
SCREEN_LOGLEVEL=5
# In the order of a boot, as screen.awk shows them.
SCREEN_STAGES="kernel network parameters login kexec root handover"

# Returns 1 without a screen that is worth drawing on.
screen_open() {
  grep -q "frame buffer" "$SYS"/class/vtconsole/*/name 2>/dev/null && [ -c "$DEV/$SCREEN_TTY" ] || return 1
  screen_measure || return 1
  screen_factor=$((SCREEN_COLUMNS / SCREEN_COLUMNS_WANTED))
  [ $((SCREEN_ROWS / SCREEN_ROWS_WANTED)) -ge "$screen_factor" ] || screen_factor=$((SCREEN_ROWS / SCREEN_ROWS_WANTED))
  [ "$screen_factor" -lt 2 ] || font "$DEV/$SCREEN_TTY" "$screen_factor" 2>/dev/null && screen_measure || :
  SCREEN_MESSAGES=$((SCREEN_ROWS / 8))
  mkdir -p "$STATE/screen"
  SCREEN=$DEV/$SCREEN_TTY
  read -r screen_loglevel _ <"$PROC/sys/kernel/printk"
  printf '%s' "$SCREEN_LOGLEVEL" >"$PROC/sys/kernel/printk"
  # No cursor; the kernel's messages scroll in the last lines only, and that is where the cursor stays.
  printf '\033[?25l\033[2J\033[%d;%dr\033[%d;1H' $((SCREEN_ROWS - SCREEN_MESSAGES + 1)) "$SCREEN_ROWS" \
    $((SCREEN_ROWS - SCREEN_MESSAGES + 1)) >"$SCREEN"
}

screen_measure() {
  screen_size=$(stty size <"$DEV/$SCREEN_TTY" 2>/dev/null)
  SCREEN_ROWS=${screen_size% *}
  SCREEN_COLUMNS=${screen_size#* }
  [ "${SCREEN_ROWS:-0}" -ge "$SCREEN_ROWS_LEAST" ] && [ "${SCREEN_COLUMNS:-0}" -ge "$SCREEN_COLUMNS_LEAST" ]
}

# Gives the screen back as it was, for the target's own messages.
screen_close() {
  [ -n "$SCREEN" ] || return 0
  [ "$screen_factor" -lt 2 ] || font "$SCREEN" 1 2>/dev/null || :
  printf '%s' "$screen_loglevel" >"$PROC/sys/kernel/printk"
  printf '\033[r\033[2J\033[H\033[?25h' >"$SCREEN"
  SCREEN=
}

# screen_say STAGE STATE DETAIL FIX: what the screen shows from now on.
screen_say() {
  [ -n "$SCREEN" ] || return 0
  read -r screen_uptime _ <"$PROC/uptime"
  printf 'S\t%s\t%s\t%s\t%s\n' "$1" "$2" "${screen_uptime:-0}" "$3" >"$STATE/screen/stage.$1"
  case "$2" in
    fail) screen_say_failure "$1" "$3" "$4" ;;
    progress) [ -z "$4" ] || screen_say_note "$3" "$4" ;;
    ok) screen_forget "$1" ;;
  esac
  [ "$1" != parameters ] || [ "$2" = progress ] || rm -f "$STATE/screen/choice"
  screen_draw
}

screen_say_failure() {
  [ "$SCREEN_PROBLEM" = "$1 $2" ] || screen_tries=0
  screen_tries=$((screen_tries + 1))
  SCREEN_PROBLEM="$1 $2"
  rm -f "$STATE/screen/note"
  printf 'F\tfailed\t%s\nF\tproblem\t%s\nF\tremedy\t%s\nF\ttries\t%s\n' "$1" "$2" "$3" "$screen_tries" \
    >"$STATE/screen/failure"
}

screen_say_note() {
  rm -f "$STATE/screen/failure"
  printf 'F\tnote\t%s\nF\tadvice\t%s\n' "$1" "$2" >"$STATE/screen/note"
}

# What stopped the boot stays on the screen while it is tried again: until that stage, or a later one, is done.
screen_forget() {
  rm -f "$STATE/screen/note"
  screen_reached=" $SCREEN_STAGES "
  screen_reached=${screen_reached%% $1 *}
  case "$screen_reached " in
    *" ${SCREEN_PROBLEM%% *} "*) ;;
    *) [ "${SCREEN_PROBLEM%% *}" = "$1" ] || return 0 ;;
  esac
  rm -f "$STATE/screen/failure"
  SCREEN_PROBLEM=
}

# screen_choice WORDS: nobody has chosen an image for this Pi, and this is where to do it.
screen_choice() {
  [ -n "$SCREEN" ] || return 0
  printf 'F\tchoose\t%s\n' "$1" >"$STATE/screen/choice"
}

# screen_draw [SECONDS]: the frame, with a countdown to the next try.
screen_draw() {
  [ -n "$SCREEN" ] || return 0
  screen_facts "$1" | awk -v columns="$SCREEN_COLUMNS" -v rows="$SCREEN_ROWS" -v messages="$SCREEN_MESSAGES" \
    -f "$LIB/screen.awk" - "$STATE"/screen/* >"$SCREEN" 2>/dev/null || : # a screen that went away must not stop the boot
}

screen_facts() {
  printf 'F\t%s\t%s\n' model "$MODEL" serial "$SERIAL" mac "$MAC" code "$(machine_code)" address "$ADDRESS" \
    mode "$(parameter iscsi.mode)" server "$(screen_server)" target "$(parameter iscsi.target)" retry "$1"
}

screen_server() {
  screen_name=$(value_get endpoint server)
  printf '%s' "$screen_name${screen_name:+ (}$SERVER${screen_name:+)}"
}
