# The other CPUs. The kernel starts with one (maxcpus=1): those of a Pi 3 and 4 wait in a loop of the firmware's, where
# only the kernel that wants them may fetch them; one that was fetched cannot be given to the next kernel of mode kexec.

CPUS=$SYS/devices/system/cpu

# Brings every CPU up that is present; says what stays away, which is no reason to stop.
cpus_bring_up() {
  cpus_online=$(cat "$CPUS/cpu0/hotplug/target" 2>/dev/null)
  for cpu_path in "$CPUS"/cpu[0-9]*; do
    cpu_is_up "$cpu_path" || cpu_start "$cpu_path" 2>/dev/null || :
  done
  cpus_missing=
  for cpu_path in "$CPUS"/cpu[0-9]*; do
    cpu_is_up "$cpu_path" || cpus_missing="$cpus_missing${cpus_missing:+, }${cpu_path##*/}"
  done
  [ -z "$cpus_missing" ] ||
    say handover progress "$cpus_missing did not start" "going on without; the kernel's log may say why"
}

# The boot CPU and those of a kernel that cannot stop any have neither file.
cpu_is_up() {
  [ -e "$1/hotplug/target" ] || return 0
  [ "$(cat "$1/hotplug/state")" = "$cpus_online" ]
}

# By `online`, which only CPUs that can also be stopped have (PSCI), else by the state that a running one has.
cpu_start() {
  if [ -e "$1/online" ]; then printf 1 >"$1/online"; else printf '%s' "$cpus_online" >"$1/hotplug/target"; fi
}
