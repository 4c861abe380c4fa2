# Modules that the initramfs itself names, in the form of modules-load.d(5): a name and its options on each line.
# An archive appended to the initramfs can bring modules and such a file.

# modules_load FOLDER
modules_load() {
  for load_file in "$1"/*.conf; do
    [ -f "$load_file" ] || continue
    while read -r load_name load_options || [ -n "$load_name" ]; do
      case "$load_name" in '' | '#'* | ';'*) continue ;; esac
      # Options are words of their own.
      modprobe "$load_name" $load_options 2>"$STATE/modules-load.error" ||
        say kernel progress "the module $load_name of ${load_file##*/} was not loaded: $(tail -n 1 "$STATE/modules-load.error")"
    done <"$load_file"
  done
}
