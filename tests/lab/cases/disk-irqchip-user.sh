# SPDX-License-Identifier: MIT
# limit: 150
# A disk whose interrupt goes through our own 8259, level-triggered.
store
new_disk a.qcow2
root_guest props,files,fio fio_size=1 -- --irqchip user --timeout 100 -d $disks/a.qcow2
expect_console '^guest: irq .*XT-PIC .*virtio0$'
check_root $disks/a.qcow2
