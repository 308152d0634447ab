# SPDX-License-Identifier: MIT
# limit: 90
# The guest is told how large a frame may be: what the option says; larger ones go whole.
own_network
servers
new_tap tap0 10.0.2.2/24
/bin/ip link set tap0 mtu 9000
net_guest props,mtu,iperf,digest -- -n tap,name=tap0,mtu=9000
expect_console '^guest: eth0 mac .* mtu 9000 '
/bin/ip link set tap0 mtu 1280
net_guest props,mtu,iperf -- -n tap,name=tap0,mtu=1280
expect_console '^guest: eth0 mac .* mtu 1280 '
