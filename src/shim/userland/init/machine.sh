# Who this Pi is.

machine_identify() {
  SERIAL=$(device_tree_text serial-number)
  case "$SERIAL" in *[!0-9a-fA-F]*) SERIAL= ;; esac # a virtual machine may have words there
  MODEL=$(device_tree_text model)
  [ -n "$MODEL" ] || MODEL=$(uname -m)
  BOOT_ID=$(cat "$PROC/sys/kernel/random/boot_id")
  MAC=
}

# Text properties of a device tree end with a NUL.
device_tree_text() {
  [ -f "$PROC/device-tree/$1" ] && tr -d '\000' <"$PROC/device-tree/$1"
}

# machine_mac INTERFACE: the MAC that reports and questions carry from now on.
machine_mac() {
  MAC=$(cat "$SYS/class/net/$1/address")
  printf '%s' "$MAC" >"$STATE/mac"
}

# A MAC of this Pi also while it has not chosen an interface yet: of the first wired one.
machine_any_mac() {
  if [ -n "$MAC" ]; then
    printf '%s' "$MAC"
  else
    for machine_interface in $(network_interfaces); do
      cat "$SYS/class/net/$machine_interface/address" && return
    done
  fi
}

# The name that a router's list of leases shows.
machine_hostname() {
  case "$SERIAL" in
    ????????*) printf 'pi-%s' "$SERIAL" | sed 's|^pi-.*\(........\)$|pi-\1|' ;;
    *) printf 'pi-%s' "$MAC" | tr -d : ;;
  esac
}

# What people tell this Pi by among others: the end of its serial, or of its MAC. The server makes it in the same way.
machine_code() {
  machine_name=${SERIAL:-$(printf '%s' "$MAC" | tr -d :)}
  case "$machine_name" in ????*) printf '%s' "$machine_name" | sed 's/.*\(....\)$/\1/' | tr a-f A-F ;; esac
}
