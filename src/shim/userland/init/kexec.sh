# Mode kexec: the image's own kernel.

kexec_mode() {
  say kexec fail "this shim cannot start the image's own kernel" "choose mode pivot"
  return 1
}
