# SPDX-License-Identifier: MIT
# limit: 120
# Two disks, of either kind; the second gets a file system of its own and is discarded at the end.
store
new_disk a.qcow2
truncate -s 48M $disks/b.raw
root_guest props,second,files -- -d $disks/a.qcow2 -d $disks/b.raw,format=raw
expect_console '^guest: irq .*virtio1-req.0$'
expect [ $(host_kib $disks/b.raw) -lt 1000 ]
check_root $disks/a.qcow2
