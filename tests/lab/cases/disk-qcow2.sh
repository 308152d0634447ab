# SPDX-License-Identifier: MIT
# limit: 150
# A qcow2 disk on PCI, four CPUs with a queue each.
store
new_disk a.qcow2
before=$(host_kib $disks/a.qcow2)
root_guest props,files,lspci,fio,leave,discard -- --timeout 130 -c 4 -d $disks/a.qcow2,queues=4
expect_console '^guest: vda queues 4$'
expect_count 4 '^guest: irq .*PCI-MSI.* virtio0-req.[0-3]$'
expect_trimmed $disks/a.qcow2 $before
check_root $disks/a.qcow2
