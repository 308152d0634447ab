# SPDX-License-Identifier: MIT
# limit: 150
# The machine is reset while thirty-two writes are in flight; the next boot finds a sound file system.
store
for args in "a.qcow2 --virtio pci" "b.raw --virtio mmio --packed"; do
	set -- $args
	new_disk $1
	d=$disks/$1
	shift
	root_line busy
	run_guest -k $VMLINUX -i $INITRD.disk -m 256M -p "$line" --timeout 70 "$@" -d $d
	expect_exit 0
	expect_console '^guest: boot 1$'
	expect_console '^guest: boot 2$'
	expect_console '^guest: busy ok'
	expect_no_console '^guest: BAD'
	check_root $d
done
