# SPDX-License-Identifier: MIT
# limit: 120
# The kernel moves the packets; then a driver that comes and goes, and a tap that goes down, as without.
own_network
servers
new_tap tap0 10.0.2.2/24
net_guest props,ping,iperf,udp,digest,reload reloads=4 -- --timeout 80 -n tap,name=tap0,vhost -c 2
expect_console '^guest: eth0 mac .* carrier 1 '
expect_console '^guest: reloads 4$'
start_net_guest link -- -n tap,name=tap0,vhost
wait_console '^guest: take it down'
/bin/ip link set tap0 down
wait_console '^guest: bring it up'
/bin/ip link set tap0 up
wait_guest
expect_exit 0
net_said link
