# SPDX-License-Identifier: MIT
# limit: 150
# Packed rings on PCI: raw with libaio and four queues, qcow2 with the thread pool and one.
store
new_disk a.raw
new_disk b.qcow2
root_guest props,files,fio,discard fio_size=4 -- --timeout 70 -c 4 --packed -d $disks/a.raw,cache=none,engine=aio,queues=4
expect_console '^guest: vda queues 4$'
check_root $disks/a.raw
root_guest props,files,fio,discard fio_size=4 -- --timeout 70 --packed -d $disks/b.qcow2,cache=none,engine=threads
expect_console '^guest: vda queues 1$'
check_root $disks/b.qcow2
