# SPDX-License-Identifier: MIT
# limit: 150
# The same disk, whoever has the interrupt controllers.
store
new_disk a.qcow2
root_guest props,files,fio fio_size=1 -- --irqchip kernel -c 2 -d $disks/a.qcow2
expect_console '^guest: irq .*PCI-MSI.* virtio0-req.0$'
root_guest props,files -- --irqchip kernel --virtio mmio -d $disks/a.qcow2
check_root $disks/a.qcow2
