# SPDX-License-Identifier: MIT
# limit: 120
# Packed rings, on either bus.
own_network
servers
new_tap tap0 10.0.2.2/24
for bus in pci mmio; do
	net_guest props,ping,iperf,udp,digest -- --packed --virtio $bus -n tap,name=tap0
	expect_console '^guest: eth0 features.* PACKED'
done
