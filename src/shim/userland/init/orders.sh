# What a person asks of this Pi while the shim waits: it comes with the boot endpoint's answer.

BLINK_SECONDS=15
BLINK_MS=120

orders_follow() {
  case "$(value_get endpoint do)" in
    blink) order_blink ;;
    reboot) order_reboot ;;
  esac
}

# The green LED, by the names that it has had; without one every LED of the board.
order_leds() {
  for led_name in ACT led0; do
    [ -e "$SYS/class/leds/$led_name/trigger" ] && printf '%s\n' "$SYS/class/leds/$led_name" && return
  done
  for led_path in "$SYS"/class/leds/*; do
    [ -e "$led_path/trigger" ] && printf '%s\n' "$led_path"
  done
}

# Beside the shim's own work: a choice that is made meanwhile must not wait for it.
order_blink() {
  leds=$(order_leds)
  if [ -z "$leds" ]; then
    say parameters progress "asked to blink, but this board has no LED that can be told"
    return
  fi
  say parameters progress "blinking the LED for $BLINK_SECONDS s"
  for led_path in $leds; do led_blink "$led_path" & done
}

# led_blink PATH: what it showed before is kept once, so that two orders in a row end as it was.
led_blink() {
  led_kept=$STATE/led-${1##*/}
  [ -f "$led_kept" ] || sed 's|.*\[\(.*\)\].*|\1|' "$1/trigger" >"$led_kept"
  printf timer >"$1/trigger" 2>/dev/null || return
  printf %s "$BLINK_MS" >"$1/delay_on" 2>/dev/null
  printf %s "$BLINK_MS" >"$1/delay_off" 2>/dev/null
  sleep "$BLINK_SECONDS"
  cat "$led_kept" >"$1/trigger" 2>/dev/null
}

order_reboot() {
  say parameters progress "restarting, as asked for on the server"
  report_finish "$REPORT_PATIENCE_SECONDS"
  reboot -f
}
