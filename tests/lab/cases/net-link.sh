# SPDX-License-Identifier: MIT
# limit: 90
# Row 50: the tap goes down and comes up. The guest sees its carrier go and come, and talks again.
own_network
new_tap tap0 10.0.2.2/24
start_net_guest link -- -n tap,name=tap0
wait_console '^guest: take it down'
/bin/ip link set tap0 down
wait_console '^guest: bring it up'
/bin/ip link set tap0 up
wait_guest
expect_exit 0
net_said link
