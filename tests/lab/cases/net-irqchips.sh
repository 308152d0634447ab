# SPDX-License-Identifier: MIT
# limit: 120
# The same card, whoever has the interrupt controllers; without MSI it shares a line.
own_network
servers
new_tap tap0 10.0.2.2/24
net_guest props,ping,udp -- --irqchip kernel -n tap,name=tap0
expect_console '^guest: irq .*PCI-MSI.* virtio0-input.0$'
net_guest props,ping,udp datagrams=200 -- --irqchip user -n tap,name=tap0
expect_console '^guest: irq .*XT-PIC .*virtio0$'
