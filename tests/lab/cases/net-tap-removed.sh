# SPDX-License-Identifier: MIT
# limit: 90
# Row 50: the tap is removed under a guest that talks. One line says so, and the guest lives.
own_network
new_tap tap0 10.0.2.2/24
start_net_guest removed -- -n tap,name=tap0
wait_console '^guest: take it away'
/bin/ip link del tap0
wait_guest
expect_exit 0
net_said removed
expect_message 'tap0'
expect [ "$(wc -l <$messages)" -lt 6 ]
