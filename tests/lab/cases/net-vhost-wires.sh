# SPDX-License-Identifier: MIT
# limit: 150
# With vhost where the kernel cannot interrupt by itself: virtio-mmio, INTx; and by irqfd with all of
# the interrupt controllers in it.
own_network
servers
new_tap tap0 10.0.2.2/24
net_guest props,ping,udp,digest -- --virtio mmio --pci off -n tap,name=tap0,vhost
net_guest props,ping,udp datagrams=200 -- --irqchip user -n tap,name=tap0,vhost
net_guest props,ping,udp,digest -- --irqchip kernel -n tap,name=tap0,vhost
# Rings that the kernel has not are not offered.
net_guest props,ping -- --packed -n tap,name=tap0,vhost
expect_no_console '^guest: eth0 features.* RING_PACKED'
