# SPDX-License-Identifier: MIT
# limit: 90
# A card on virtio-mmio, in a guest without PCI.
own_network
servers
new_tap tap0 10.0.2.2/24
net_guest props,ping,iperf,udp,digest -- --virtio mmio --pci off -n tap,name=tap0
expect_console '^guest: eth0 mac .* carrier 1 '
expect_no_console '^guest: irq .*PCI-MSI'
