# SPDX-License-Identifier: MIT
# limit: 150
# Rows 49 and 50 with vhost: the ring is full, the tap's backlog too, and nothing freezes; the tap is
# removed, which vhost-net takes for an error of the ring.
own_network
servers
new_tap tap0 10.0.2.2/24
heard
start_net_guest ping,hold,ping,udp -- -n tap,name=tap0,vhost
wait_console '^guest: holds'
for round in 1 2; do
	kill -STOP $pid
	dd if=/dev/zero bs=1400 count=4000 2>/dev/null | nc -u -w 1 10.0.2.15 9 >/dev/null 2>&1
	ping -f -c 2000 -W 1 10.0.2.15 >/dev/null 2>&1
	kill -CONT $pid
	expect ping -c 3 -W 10 10.0.2.15
done
tell go
wait_guest
expect_exit 0
net_said ping,hold,udp
start_net_guest removed -- -n tap,name=tap0,vhost
wait_console '^guest: take it away'
/bin/ip link del tap0
wait_guest
expect_exit 0
net_said removed
expect_message 'tap0'
