# SPDX-License-Identifier: MIT
# limit: 120
# Row 49: the guest stands still while the host sends ten thousand packets: its ring is full, and the
# tap's backlog too. Nothing freezes: when it goes on, so does everything else.
own_network
servers
new_tap tap0 10.0.2.2/24
heard
for args in "-n tap,name=tap0" "-n tap,name=tap0 --virtio mmio --packed"; do
	start_net_guest ping,hold,ping,udp -- $args
	wait_console '^guest: holds'
	for round in 1 2 3; do
		kill -STOP $pid
		# Without an answer from the other end: as fast as it goes, to a port that nobody has.
		dd if=/dev/zero bs=1400 count=4000 2>/dev/null | nc -u -w 1 10.0.2.15 9 >/dev/null 2>&1
		ping -f -c 2000 -W 1 10.0.2.15 >/dev/null 2>&1
		kill -CONT $pid
		expect ping -c 3 -W 10 10.0.2.15
	done
	tell go
	wait_guest
	expect_exit 0
	net_said ping,hold,udp
done
