# Why the boot endpoint gave no answer, in words for people: busybox's wget says it in its last line.

# Sets endpoint_problem and endpoint_fix.
endpoint_explain() {
  endpoint_error=$(tail -n 1 "$STATE/answer.error")
  case "$endpoint_error" in
    *"bad address"*)
      endpoint_problem="nobody knows the name ${SERVER%%:*}"
      endpoint_fix="correct pinetboot.server= in the kernel command line, or write the address there instead of the name"
      ;;
    *refused*)
      endpoint_problem="nobody listens at http://$SERVER (connection refused)"
      endpoint_fix="start pinetboot serve there, or correct the port in pinetboot.server="
      ;;
    *"HTTP/1."*" 403"*)
      endpoint_problem="http://$SERVER does not serve this network"
      endpoint_fix="name this network's interface with --interface of pinetboot serve"
      ;;
    *"server returned error"*)
      endpoint_problem="http://$SERVER is a web server, but not pinetboot's (${endpoint_error##*HTTP/1.? })"
      endpoint_fix="does pinetboot.server= name the right computer and port?"
      ;;
    *"timed out"* | *"No route"* | *unreachable*)
      endpoint_problem="http://$SERVER does not answer"
      endpoint_fix="is that computer on, in this network, and does its firewall let port ${SERVER##*:} in?"
      ;;
    *)
      endpoint_problem="http://$SERVER gave no answer (${endpoint_error#wget: })"
      endpoint_fix="does pinetboot.server= name the right computer and port?"
      ;;
  esac
}
