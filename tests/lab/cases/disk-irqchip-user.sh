# SPDX-License-Identifier: MIT
# limit: 150
# A disk whose interrupt goes through our own 8259. In one run of two the guest halts for the first time,
# waits for its disk and is not woken; why is not known yet. TRAPEZE_USER_IRQCHIP=1 runs it all the same.
[ -n "${TRAPEZE_USER_IRQCHIP:-}" ] || skip "a disk with --irqchip user stalls in one run of two"
store
new_disk a.qcow2
root_guest props,files,fio fio_size=1 -- --irqchip user --timeout 100 -d $disks/a.qcow2
expect_console '^guest: irq .*XT-PIC .*virtio0$'
check_root $disks/a.qcow2
