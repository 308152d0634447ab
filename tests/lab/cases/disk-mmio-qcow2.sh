# SPDX-License-Identifier: MIT
# limit: 120
# virtio-mmio with packed rings, four CPUs and four queues, qcow2.
store
new_disk a.qcow2
before=$(host_kib $disks/a.qcow2)
root_guest props,files,fio,discard fio_size=4 -- --timeout 100 -c 4 --virtio mmio --packed -d $disks/a.qcow2,queues=4
expect_console '^guest: vda queues 4$'
expect_trimmed $disks/a.qcow2 $before
check_root $disks/a.qcow2
