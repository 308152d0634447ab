# SPDX-License-Identifier: MIT
# limit: 120
# The driver is unloaded and loaded again, ten times on each transport, partly with I/O on its way.
store
for args in "--virtio pci -c 2" "--virtio mmio" "--virtio pci --packed"; do
	truncate -s 32M $disks/a.raw
	run_guest -k $VMLINUX -i $INITRD.disk -m 256M -p "$QUIET do=reload" $args -d $disks/a.raw,format=raw
	expect_exit 0
	expect_console '^guest: reloads 10$'
	expect_no_console '^guest: (cannot|vda is still|no device)|I/O error'
	expect_clean_boot
done
