# From one kernel to the next, in mode kexec: what the first one knows goes into files of the initramfs that only root
# reads (a secret on a command line could be read by everybody), so that the second one asks nobody anything again.

CONTINUED=/continued
# The network interface of the next kernel appears with its drivers; USB takes some seconds.
CONTINUED_LINK_SECONDS=60

# continued_give FOLDER: writes everything down.
continued_give() {
  mkdir -p "$1/values"
  chmod 0700 "$1"
  (
    umask 077
    cp -a "$STATE/values/endpoint" "$STATE/values/dhcp" "$1/values" 2>/dev/null
    continued_cmdline "$1"
    cp -a "$KEEP/lease" "$1/lease"
    cp "$RESOLV_CONF" "$1/resolv.conf" 2>/dev/null
    for continued_name in SERVER BOOT_ID MAC ADDRESS CLOCK_SET; do
      eval "continued_value=\$$continued_name"
      printf '%s' "$continued_value" >"$1/$continued_name"
    done
    ip -4 addr show dev "$INTERFACE" | awk '$1 == "inet" { print $2; exit }' >"$1/network"
    ip route show default | awk '{ print $3; exit }' >"$1/router"
    [ -z "$STAGED_BELOW" ] || : >"$1/then-initramfs"
  )
  chmod -R go= "$1"
}

# continued_hints FOLDER: what the target's network managers must know, worked out while the root is mounted: the second
# kernel leaves the root to the image's initramfs. Nothing may be mounted over its files yet.
continued_hints() (
  RUN=$1/hints
  hint_over() { :; }
  mkdir -p "$RUN"
  target_hints 2>"$STATE/hints.error"
)

# What the first command line said of the disk; the rest of it was for the first kernel. From here on the mode is pivot.
continued_cmdline() {
  mkdir -p "$1/values/cmdline"
  for continued_file in "$STATE"/values/cmdline/iscsi.* "$STATE"/values/cmdline/pinetboot.server; do
    [ -f "$continued_file" ] && cp "$continued_file" "$1/values/cmdline"
  done
  printf pivot >"$1/values/cmdline/iscsi.mode"
}

# In the second kernel: takes the files up, if there are any, and loads the modules that came with them.
continued_take() {
  [ -d "$CONTINUED" ] || return 0
  mkdir -p "$STATE/values"
  cp -a "$CONTINUED"/values/* "$STATE/values"
  SERVER=$(cat "$CONTINUED/SERVER")
  BOOT_ID=$(cat "$CONTINUED/BOOT_ID")
  CLOCK_SET=$(cat "$CONTINUED/CLOCK_SET")
  [ ! -f "$CONTINUED/then-initramfs" ] || THEN_INITRAMFS=1
  continued_modules
}

continued_modules() {
  while read -r continued_module; do
    insmod "$CONTINUED/modules/$continued_module.ko" 2>"$STATE/insmod.error" || continued_say_module
  done 2>/dev/null <"$CONTINUED/modules.order"
  rm -rf "$CONTINUED/modules"
}

# Drivers refuse hardware that is not there, which is no failure; those of the disk have no such excuse.
continued_say_module() {
  case " $MODULES_NEEDED " in
    *" $continued_module "*)
      say kexec fail "$continued_module does not load into Linux $(uname -r): $(tail -n 1 "$STATE/insmod.error")" \
        "the image's modules and its kernel do not belong together: update the image, or take mode pivot"
      ;;
  esac
}

# The network as the first kernel had it: the interface with the same MAC, the same address. Returns 1 when that is not
# to be had, and the usual way is gone.
continued_network() {
  [ -f "$CONTINUED/network" ] || return 1
  INTERFACE=
  continued_waited=0
  while ! continued_interface; do
    continued_waited=$((continued_waited + 1))
    [ "$continued_waited" -le $((CONTINUED_LINK_SECONDS * POLLS_PER_SECOND)) ] || {
      rm -f "$CONTINUED/network"
      return 1
    }
    poll_pause
  done
  machine_mac "$INTERFACE"
  ADDRESS=$(cat "$CONTINUED/ADDRESS")
  ip addr add "$(cat "$CONTINUED/network")" broadcast + dev "$INTERFACE"
  [ ! -s "$CONTINUED/router" ] || ip route replace default via "$(cat "$CONTINUED/router")" dev "$INTERFACE"
  [ ! -f "$CONTINUED/resolv.conf" ] || cp "$CONTINUED/resolv.conf" "$RESOLV_CONF"
  cp -a "$CONTINUED"/lease/. "$KEEP/lease"
  [ ! -f "$KEEP/lease/bound" ] || network_dhcp_start
  rm -f "$CONTINUED/network"
}

# Sets INTERFACE to the one with that MAC once it has link.
continued_interface() {
  for continued_path in "$SYS"/class/net/*; do
    [ -e "$continued_path/device" ] || continue
    [ "$(cat "$continued_path/address")" = "$(cat "$CONTINUED/MAC")" ] || continue
    ip link set "${continued_path##*/}" up 2>/dev/null
    network_has_link "${continued_path##*/}" && INTERFACE=${continued_path##*/} && return
  done
  return 1
}

# Once: what the first kernel was told is still true. After a failure the questions are asked again.
continued_parameters() {
  [ -d "$CONTINUED/values" ] || return 1
  rm -rf "$CONTINUED/values"
  parameters_check || return 1
  say parameters ok "$(parameter iscsi.target) at $(parameter iscsi.ip):$(parameter_port), as before this kernel"
}
