#!/bin/busybox sh
# dhcp-client.sh MAC HOSTNAME [FLAG]: the DHCP client for good, in the tmpfs that outlives switch_root. udhcpc ends when its
# interface vanishes by that name, and the target's udev may rename it; so it is started again, on the name that the
# interface with this MAC has then.

PATH=/bin
LEASE=/lease
RESTART_SECONDS=3
export PATH

. /lib/interface-name.sh

trap 'kill "$client"; exit' TERM
while :; do
  name=$(interface_name "$1")
  if [ -n "$name" ]; then
    wanted=$(cat "$LEASE/ip" 2>/dev/null)
    # 4 questions, 3 s apart, then 3 s of pause, for ever. Asked for: root path (17), boot mode (224), TFTP
    # server (66), and the boot endpoint (43, which means what it means by the class, 60).
    keep @/busybox /dev/null / /bin/busybox udhcpc -f ${3:+"$3"} -i "$name" -t 4 -T 3 -A 3 ${wanted:+-r "$wanted"} \
      -V pinetboot -O rootpath -O 224 -O tftp -O 43 -x "hostname:$2" -s /lib/dhcp-event.sh &
    client=$!
    wait "$client"
  fi
  sleep "$RESTART_SECONDS"
done
