# SPDX-License-Identifier: MIT
# Ports have names and come up without a console; a console alone has none of it.
run_guest -k $VMLINUX -i $INITRD.disk -m 256M -p "$QUIET do=ports what=names wait_for=org.qemu.guest_agent.0" \
	--port log=file:$DIR/log --port org.qemu.guest_agent.0=unix:$DIR/agent
expect_exit 0
expect_console "^guest: port vport.p1 'log'$"
expect_console "^guest: port vport.p2 'org.qemu.guest_agent.0'$"
expect_clean_boot
# The socket went with the run.
expect [ ! -e $DIR/agent ]
run_guest -k $VMLINUX -i $INITRD.disk -m 256M -p "$QUIET do=ports what=names" --console null --port a=null \
	--virtio mmio
expect_exit 0
expect_console "^guest: port vport.p0 ''$"
