# Login to the target, and the life of the session: iscsistart logs in and ends; iscsid adopts the session and stays,
# because only a process can log in again after the target was away.

# An absent target must not fail the root disk's I/O: a day, then the user sees errors.
REPLACEMENT_TIMEOUT_SECONDS=86400
# A ping every 10 s finds a connection that died in silence (a switch or a cable, a server that lost power):
# without pings TCP's own retries, up to two minutes apart, decide when the disk comes back.
PING_EVERY_SECONDS=10
PING_ANSWER_SECONDS=20
LOGIN_TIMEOUT_SECONDS=10
# Of the 2 s that RFC 7143 has an initiator wait before it connects again, unless the target wants them.
TIME_TO_WAIT_SECONDS=0
# A disk shows up a moment after the login; slow targets take seconds to answer REPORT LUNS.
DISK_PATIENCE_SECONDS=30

login_target() {
  duplicate_check || return 1
  say login start "logging in to $(parameter iscsi.target) at $(parameter iscsi.ip):$(parameter_port)"
  if [ -n "$SESSION" ]; then
    login_look_again
  else
    login_run >"$STATE/login.output" 2>&1 || {
      login_say_failure
      return 1
    }
    SESSION=$(login_session)
    LOGGED_IN_TO=$(login_where)
  fi
  login_wait_for_disk || return 1
  login_disk_has_size || return 1
  disk_never_gives_up
  login_adopt || return 1
  duplicate_check || return 1
  say login ok "$(parameter iscsi.target) is $DEV/$DISK, $(disk_size)"
}

login_where() {
  printf '%s' "$(parameter iscsi.ip) $(parameter_port) $(parameter iscsi.target) $(parameter iscsi.username)"
}

# A later stage failed, and the user may have mended the disk or chosen another. A session cannot be changed: for
# another target the Pi starts over.
login_look_again() {
  if [ "$LOGGED_IN_TO" != "$(login_where)" ]; then
    say login progress "another disk is wanted now: restarting this Pi"
    report_finish "$REPORT_PATIENCE_SECONDS"
    reboot -f
  fi
  disk_watched login_scan
}

login_scan() {
  for scan_path in "$SYS/class/iscsi_session/$SESSION"/device/../scsi_host/*/scan; do printf -- '- - -' >"$scan_path"; done
  [ -z "$DISK" ] || blockdev --rereadpt "$DEV/$DISK" 2>/dev/null || : # a mounted partition keeps the old table
}

login_run() {
  set -- -g 1 -i "$(login_initiator)" -t "$(parameter iscsi.target)" -a "$(parameter iscsi.ip)" -p "$(parameter_port)" \
    -P "node.session.timeo.replacement_timeout=$REPLACEMENT_TIMEOUT_SECONDS" \
    -P "node.conn[0].timeo.noop_out_interval=$PING_EVERY_SECONDS" \
    -P "node.conn[0].timeo.noop_out_timeout=$PING_ANSWER_SECONDS" \
    -P "node.conn[0].timeo.login_timeout=$LOGIN_TIMEOUT_SECONDS" \
    -P "node.session.iscsi.DefaultTime2Wait=$TIME_TO_WAIT_SECONDS" \
    -P node.session.initial_login_retry_max=1
  value=$(parameter iscsi.username)
  [ -z "$value" ] || set -- "$@" -u "$value" -w "$(parameter iscsi.password)" \
    -P node.session.auth.authmethod=CHAP -P node.session.auth.chap_algs=MD5,SHA256
  value=$(parameter iscsi.username_in)
  [ -z "$value" ] || set -- "$@" -U "$value" -W "$(parameter iscsi.password_in)"
  iscsistart "$@"
}

login_initiator() {
  value=$(parameter iscsi.initiator)
  printf '%s' "${value:-iqn.2026-01.net.pinetboot:$(machine_hostname)}"
}

# The words of iscsistart, in words for people.
login_say_failure() {
  where="$(parameter iscsi.ip):$(parameter_port)"
  target=$(parameter iscsi.target)
  case "$(cat "$STATE/login.output")" in
    *"failed authorization with target"*)
      say login fail "$where does not let the initiator $(login_initiator) use $target" \
        "allow that name at the target, or set iscsi.initiator to one that it allows"
      ;;
    *"failed to authenticate"* | *"Initiator failed"*) login_say_refused ;;
    *"Login authentication failed"*)
      if [ -n "$(parameter iscsi.username_in)" ]; then
        say login fail "$where did not prove itself as $(parameter iscsi.username_in) for $target" \
          "correct iscsi.username_in and iscsi.password_in in $(parameter_source iscsi.password_in)"
      else
        login_say_refused
      fi
      ;;
    *"authorization failure"* | *"authenticat"*) login_say_refused ;;
    *"(02/06)"* | *"(03/02)"*)
      say login fail "$where takes no further login to $target: it is full" \
        "end another machine's login there, or raise the target's limit"
      ;;
    *"(03/"*)
      say login fail "$where cannot serve $target now ($(login_status))" \
        "is it starting, stopping or offline? Look at the target's log"
      ;;
    *redirection* | *"(01/"*)
      say login fail "$where sends this Pi to another address for $target, and that does not work" \
        "put the address that serves it into iscsi.ip in $(parameter_source iscsi.ip)"
      ;;
    *"incompatible version"*)
      say login fail "$where speaks another version of iSCSI" "use a target of RFC 3720 or newer"
      ;;
    *[Rr]"esolve"*)
      say login fail "nobody knows the name $(parameter iscsi.ip) of the iSCSI server" \
        "correct iscsi.ip in $(parameter_source iscsi.ip), or give the address instead of the name"
      ;;
    *"(02/04)"* | *"not found"*)
      say login fail "$where has no target $target" "correct iscsi.target in $(parameter_source iscsi.target)"
      ;;
    *"refused"*)
      say login fail "nobody listens at $where (connection refused)" "start the iSCSI target there, or correct the port"
      ;;
    *"No route"* | *"unreachable"* | *"timed out"* | *"Giving up"*)
      say login fail "$where does not answer" "is that computer on, in this network, and its firewall open for the port?"
      ;;
    *) say login fail "login to $target at $where: $(tail -n 1 "$STATE/login.output")" "look at the target's log" ;;
  esac
}

login_say_refused() {
  if value_has cmdline iscsi.username || [ -n "$(parameter iscsi.username)" ]; then
    say login fail "$where refused the CHAP login of $(parameter iscsi.username) for $target" \
      "correct iscsi.username and iscsi.password in $(parameter_source iscsi.password)"
  else
    say login fail "$where wants a CHAP login for $target and none is known" \
      "give iscsi.username and iscsi.password in $(parameter_source iscsi.target)"
  fi
}

login_status() {
  sed -n 's/.*login rejected: .*(\(..\/..\)).*/iSCSI status \1/p;T;q' "$STATE/login.output"
}

# The kernel's name of the session with our target, e.g. session1.
login_session() {
  for session_path in "$SYS"/class/iscsi_session/*; do
    [ "$(cat "$session_path/targetname" 2>/dev/null)" = "$(parameter iscsi.target)" ] && printf '%s' "${session_path##*/}"
  done
}

# Sets DISK to the block device of the wanted LUN, without one wanted to the first.
login_wait_for_disk() {
  disk_waited=0
  while ! DISK=$(login_disk "$(parameter_lun)"); do
    disk_waited=$((disk_waited + 1))
    if [ "$disk_waited" -gt $((DISK_PATIENCE_SECONDS * POLLS_PER_SECOND)) ]; then
      login_say_no_disk
      return 1
    fi
    poll_pause
  done
}

login_say_no_disk() {
  if [ -n "$(parameter iscsi.lun)" ]; then
    say login fail "$(parameter iscsi.target) has no disk as LUN $(parameter iscsi.lun)" \
      "correct iscsi.lun in $(parameter_source iscsi.lun)"
  else
    say login fail "$(parameter iscsi.target) has no disk" "add one to the target"
  fi
}

login_disk_has_size() {
  [ "$(cat "$SYS/class/block/$DISK/size")" != 0 ] && return
  say login fail "$(parameter iscsi.target) is a disk of 0 bytes" "give it a size or a medium at the target, or choose another image"
  return 1
}

login_disk() {
  for disk_path in "$SYS/class/iscsi_session/$SESSION"/device/target*/*:*:*:${1:-*}/block/*; do
    [ -e "$disk_path" ] && printf '%s' "${disk_path##*/}" && return 0
  done
  return 1
}

# The kernel fails a command that needs a second try when it is older than six times its timeout, 180 s: every command
# that waited for a target away that long, as the first answer after a new login is always a unit attention. Measured:
# a root whose target was silent for 180 s lost a write. Without a limit of tries it has no limit of time.
disk_never_gives_up() {
  for retries_path in "$SYS/class/block/$DISK"/device/scsi_disk/*/max_retries; do
    printf '%s' -1 >"$retries_path"
  done
}

disk_size() {
  printf '%s MB' $(($(cat "$SYS/class/block/$DISK/size") / 2000))
}

# Starts iscsid in the tmpfs that stays and waits until the session is its own.
login_adopt() {
  [ -z "$ISCSID" ] || return 0
  printf 'InitiatorName=%s\n' "$(login_initiator)" >"$KEEP/etc/iscsi/initiatorname.iscsi"
  cat >"$KEEP/etc/iscsi/iscsid.conf" <<CONF
node.session.timeo.replacement_timeout = $REPLACEMENT_TIMEOUT_SECONDS
node.conn[0].timeo.noop_out_interval = $PING_EVERY_SECONDS
node.conn[0].timeo.noop_out_timeout = $PING_ANSWER_SECONDS
node.conn[0].timeo.login_timeout = $LOGIN_TIMEOUT_SECONDS
node.session.iscsi.DefaultTime2Wait = $TIME_TO_WAIT_SECONDS
node.session.reopen_max = 0
node.session.auth.chap_algs = MD5,SHA256
$([ -z "$(parameter iscsi.username)" ] || printf 'node.session.auth.authmethod = CHAP')
CONF
  keep_start /dev/kmsg @iscsid /sbin/iscsid -f -c /etc/iscsi/iscsid.conf -i /etc/iscsi/initiatorname.iscsi
  ISCSID=$KEPT
  adopt_waited=0
  while :; do
    poll_pause
    adopt_waited=$((adopt_waited + 1))
    login_adopted && return 0
    if ! kill -0 "$ISCSID" 2>/dev/null; then
      ISCSID=
      say login fail "iscsid, which keeps the disk alive, ended" "its words are in the kernel's log above"
      return 1
    fi
    [ $((adopt_waited % (WORDS_EVERY_SECONDS * POLLS_PER_SECOND))) = 0 ] &&
      say login progress "iscsid has not taken over the session yet" "is the target still there?"
  done
}

# iscsid takes over in a child process of its own, by a new login: done when the child is gone and the session is in.
login_adopted() {
  [ "$(cat "$SYS/class/iscsi_session/$SESSION/state")" = LOGGED_IN ] || return 1
  awk -v parent="$ISCSID" '{ sub(/.*\) /, ""); if ($2 == parent) found = 1 } END { exit found }' "$PROC"/[0-9]*/stat 2>/dev/null
}
