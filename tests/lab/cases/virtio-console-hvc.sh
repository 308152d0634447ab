# SPDX-License-Identifier: MIT
# limit: 180
# The virtio console as the only one: the kernel's log, a terminal, and a panic that is seen there.
(
	sleep 1
	echo "from the host"
) | (guest --timeout 90 -k $VMLINUX -i $INITRD.disk -m 256M -p "quiet do=ports what=hvc" --serial none --console stdio --debugcon none) \
	>$console 2>$messages
status=$?
expect_exit 0
expect_console '^guest: hvc0'
expect_console '^guest: heard from the host'
run_guest --timeout 90 -k $VMLINUX -i $INITRD.disk -m 256M -p "quiet do=ports what=panic" --serial none --console stdio --debugcon none
expect_exit 34
expect_console 'Kernel panic - not syncing: sysrq triggered crash'
