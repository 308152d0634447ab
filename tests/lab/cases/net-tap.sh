# SPDX-License-Identifier: MIT
# limit: 120
# A card on a tap: what it is, and everything there and back: small and large packets, TCP as fast as it
# goes with both ends' offloads, datagrams none of which are lost, a file.
own_network
servers
new_tap tap0 10.0.2.2/24
net_guest props,ping,iperf,udp,digest,many -- --timeout 100 -n tap,name=tap0,mac=52:54:00:12:34:56
expect_console '^guest: eth0 mac 52:54:00:12:34:56 mtu 1500 carrier 1 tx 1 rx 1$'
expect_console '^guest: eth0 features.* CSUM GUEST_CSUM.* MAC GUEST_TSO4 GUEST_TSO6.* HOST_TSO4 HOST_TSO6.* MRG_RXBUF STATUS CTRL_VQ.* EVENT_IDX VERSION_1'
expect_console '^guest: irq .*PCI-MSI.* virtio0-input.0$'
# The host's end saw what the guest says, and the segments whole: far fewer packets than 8 MiB has.
expect [ "$(cat /sys/class/net/tap0/statistics/rx_packets)" -lt 20000 ]
expect [ "$(cat /sys/class/net/tap0/statistics/rx_bytes)" -gt 8000000 ]
