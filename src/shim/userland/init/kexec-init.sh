#!/pinetboot/bin/busybox sh
# The last step before the image's own /init. What lives on does so in a mount of its own; it must lie at the top, where
# the programs that empty an initramfs leave mounts alone: below a folder they fail at the folder, and the kernel panics.

/pinetboot/keep/bin/busybox mount --move /pinetboot/keep /pinetboot
exec /init "$@"
