# The kernel's log goes to the boot endpoint, from its first line on: a rig without a serial cable sees it there.

# Starts the sender; once per boot, when the network is there. It lives in the tmpfs that stays, so that what the target
# system's kernel says, and what its programs write to /dev/kmsg, is sent too.
console_start() {
  [ -n "$SERVER" ] && [ -z "$CONSOLE_SENDER" ] || return 0
  # Not spared at shutdown: no "@". Its last part is what busybox looks at.
  keep_start /dev/null console-sender/busybox /bin/busybox sh /lib/console-sender.sh \
    "http://$SERVER/v1/console?serial=$SERIAL&mac=$MAC&boot=$BOOT_ID"
  CONSOLE_SENDER=$KEPT
}
